# SPDX-License-Identifier: Apache-2.0
"""The model's own operations between an origin and a value, run at single elements, and what they turn out to be."""
