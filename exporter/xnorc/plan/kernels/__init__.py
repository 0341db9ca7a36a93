# SPDX-License-Identifier: Apache-2.0
"""One file per op, named after it; `xnorc.plan.kernel.registry` finds them."""
