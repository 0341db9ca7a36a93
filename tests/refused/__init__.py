# SPDX-License-Identifier: Apache-2.0
"""Models that must be refused with one honest line: `names()`, `path_of(name)`, `marked_lines(name)`, `load(name)`.

Nothing here knows xnorc.  README.md holds the contract that every file keeps.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """Stems of the model files, in alphabetical order."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != "__init__" and path.stem[:5] != "test_")


def path_of(name: str) -> Path:
    """The source file of one model."""
    return HERE / f"{name}.py"


def marked_lines(name: str) -> list[int]:
    """Line numbers (from 1) that end in `# REFUSED`; a good message names one of them."""
    lines = path_of(name).read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("# REFUSED")]


def constant(name: str, of: str) -> Any:
    """INPUT or REASON read from the source, since some of these files cannot be imported at all."""
    for statement in ast.parse(path_of(name).read_text()).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", None) == of:
            return ast.literal_eval(statement.value)
    raise KeyError(f"{name} has no {of}")


def load(name: str) -> ModuleType:
    """The file as a fresh module object; raises what the file itself raises."""
    spec = importlib.util.spec_from_file_location(f"refused_{name}", path_of(name))
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"no model {name!r} in {HERE}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
