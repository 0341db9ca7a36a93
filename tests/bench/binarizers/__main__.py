# SPDX-License-Identifier: Apache-2.0
"""The study of the binarizers, one command a row: `python -m tests.bench.binarizers --help`."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

if __name__ == "__main__":
    from tests.bench.binarizers.command import main

    main()
