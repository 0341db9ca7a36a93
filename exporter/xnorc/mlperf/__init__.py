# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny: its tasks, and the host's end of the text protocol that its runner speaks (docs/mlperf.md)."""

from xnorc.mlperf.task import Task, task

__all__ = ["Task", "task"]
