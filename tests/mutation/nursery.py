# SPDX-License-Identifier: Apache-2.0
"""A process that has imported what is slow and never mutated, and forks a child for each run of tests.

Run as a script in a copy of the tree; nothing of the tree is imported before a fork, so that each child imports what
lies in the copy then.

In: a line of JSON each, {"arguments": of pytest, "log": file for what it says, "timeout": seconds}.
Out: a line each, pytest's exit code, or null where the child was killed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from threading import Timer

import pytest


def attempt(arguments: list[str], log: str, timeout: float) -> int | None:
    """pytest's exit code from a child of its own session; None where it took longer, and was killed with all it
    started."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(log, "wb") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        code = int(pytest.main(arguments))
        sys.stdout.flush()
        os._exit(code)

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)

    timer = Timer(timeout, end)
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    timer.join()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else None


def serve() -> None:
    """Answer until the other side closes."""
    for line in sys.stdin:
        print(json.dumps(attempt(**json.loads(line))), flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    serve()
