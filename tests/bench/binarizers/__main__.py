# SPDX-License-Identifier: Apache-2.0
"""The study of the binarizers, one command a row: `python tests/bench/binarizers --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:] = [str(TESTS), *(entry for entry in sys.path if Path(entry or ".").resolve() not in (HERE, TESTS))]
os.environ.setdefault("OMP_NUM_THREADS", "1")

if __name__ == "__main__":
    from bench.binarizers.command import main

    main()
