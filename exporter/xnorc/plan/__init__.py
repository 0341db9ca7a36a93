# SPDX-License-Identifier: Apache-2.0
"""Kernel choice, arena and budget of a program, for one board or for none.  numpy only."""

from xnorc.plan.kernel import Kernel, kernels_of
from xnorc.plan.plan import RESERVED, Plan, Step, plan

__all__ = ["RESERVED", "Kernel", "Plan", "Step", "kernels_of", "plan"]
