# SPDX-License-Identifier: Apache-2.0
"""One file a node; `xnorc.program.node.registry` finds them."""
