# SPDX-License-Identifier: Apache-2.0
"""Kernel choice, arena and budget of a program, for one board or for none.  numpy only."""

from xnorc.plan.kernel import Kernel, kernels_of
from xnorc.plan.plan import Plan, Step, plan, reserved_for

__all__ = ["Kernel", "Plan", "Step", "kernels_of", "plan", "reserved_for"]
