# SPDX-License-Identifier: Apache-2.0
"""What is read: the captured graph with its origins, the positions elements move to, scales, and what integers mean."""
