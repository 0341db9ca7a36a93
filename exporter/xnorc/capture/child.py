# SPDX-License-Identifier: Apache-2.0
"""Runs a whole job in a process of its own, so that a model that kills the interpreter kills only that process.

Why a whole job: a captured network holds live operations and tensors; sending it back would need either pickle, which
this package never uses on anything, or a format of its own.  So the child captures, lowers and writes its result to
disk; only plain JSON crosses back: the job's result, or the three strings of an `XnorcError`.

The job is named (`package.module:function`), takes JSON keyword arguments and returns JSON.  What the user's code
prints goes to the parent's own streams; the answer travels through a file in a temporary folder.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from xnorc import errors
from xnorc.errors import CaptureError, XnorcError


def run_in_child(job: str, arguments: dict[str, Any], timeout: float | None = None) -> Any:
    """Runs `job(**arguments)` in a fresh interpreter and returns its result.

    Args:
        job: `package.module:function`, importable by the child, which inherits this process's import path.
        arguments: JSON values.
        timeout: seconds, or None.

    Raises:
        XnorcError: the very error the job raised; or CaptureError where the child died or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="xnorc-") as folder:
        question, answer = Path(folder) / "question.json", Path(folder) / "answer.json"
        question.write_text(json.dumps({"job": job, "arguments": arguments, "path": sys.path}))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-m", "xnorc.capture.child", str(question), str(answer)]
        try:
            code = subprocess.run(command, env=environment, timeout=timeout, check=False).returncode
        except subprocess.TimeoutExpired as error:
            raise CaptureError(job, f"took longer than {timeout:g} s", "a smaller model, or a longer limit") from error
        if not answer.is_file():
            raise CaptureError(
                job,
                f"the model killed the interpreter ({_death(code)})",
                "often a tensor written through .data, or a compiled extension",
            )
        reply = json.loads(answer.read_text())
    if "error" in reply:
        raise _error(reply["error"])
    return reply["result"]


def _death(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _error(said: dict[str, str]) -> XnorcError:
    """The error of that class, from the family of `xnorc.errors` only."""
    found = getattr(errors, said["class"], None)
    family = found if isinstance(found, type) and issubclass(found, XnorcError) else CaptureError
    return family(said["where"], said["what"], said["hint"])


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """What the child replies: the job's result, or its error in plain words."""
    name, _, attribute = question["job"].partition(":")
    try:
        return {"result": getattr(importlib.import_module(name), attribute)(**question["arguments"])}
    except XnorcError as error:
        said = {"class": type(error).__name__, "where": error.where, "what": error.what, "hint": error.hint}
    except Exception as error:
        what = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        said = {
            "class": "CaptureError",
            "where": question["job"],
            "what": what,
            "hint": "a defect of xnorc: please report",
        }
    return {"error": said}


def main() -> None:
    """Entry point of the child."""
    question = json.loads(Path(sys.argv[1]).read_text())
    sys.path[:] = question["path"]
    reply = json.dumps(answer_to(question))
    part = Path(sys.argv[2] + ".part")
    part.write_text(reply)
    part.replace(sys.argv[2])  # all of it, or none


if __name__ == "__main__":
    main()
