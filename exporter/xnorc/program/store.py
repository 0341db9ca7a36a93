# SPDX-License-Identifier: Apache-2.0
"""Programs on disk: `program.json` (structure, for eyes) beside `constants.npz` (arrays).

Both are byte-identical for the same program on every machine: keys are ordered, zip members carry a fixed date.
Loading never unpickles.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from xnorc import npz
from xnorc.errors import ProgramError
from xnorc.program.node import Node
from xnorc.program.program import Program
from xnorc.program.schema import FORMAT, program_of
from xnorc.program.tensor import Kind
from xnorc.writing import recover

JSON_LIMIT = 2**26  # bytes of program.json, 64 MiB: ReActNet-A's has 0.2
CONSTANTS_LIMIT = 2**28  # bytes of all constants, 256 MiB: more than any microcontroller's flash


def save(program: Program, folder: Path) -> None:
    """Write `program` into an existing folder."""
    arrays: dict[str, np.ndarray] = {}
    document = to_document(program, arrays)
    (folder / "program.json").write_text(json.dumps(document, indent=1) + "\n")
    (folder / "constants.npz").write_bytes(_npz(arrays))


def load(folder: Path) -> Program:
    """Read a program and verify it: nothing that comes after can fail on what the files say.

    Raises:
        ProgramError: a file is missing, damaged, of another format, or the program does not verify.
    """
    folder = Path(folder)
    document, arrays = _read(folder)
    program = program_of(str(folder / "program.json"), document, arrays)
    program.verify()
    return program


def _read(folder: Path) -> tuple[Any, dict[str, np.ndarray]]:
    file = folder / "program.json"
    if not folder.exists() and folder.parent.is_dir():
        recover(folder)
    if not file.is_file():
        hint = "make one with `xnorc export`"
        raise ProgramError(str(folder), "is no exported program: it holds no program.json", hint)
    try:
        if file.stat().st_size > JSON_LIMIT:
            raise ValueError(f"{file.stat().st_size:,} bytes; at most {JSON_LIMIT:,} are read")
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProgramError(str(file), f"is damaged: {error}", "export it again") from error
    try:
        return document, npz.read(folder / "constants.npz", CONSTANTS_LIMIT)
    except npz.BadNpz as error:
        what = f"is missing or damaged: {error}"
        raise ProgramError(str(folder / "constants.npz"), what, "export it again") from error


def digest(program: Program) -> bytes:
    """8 bytes that stand for what the program computes; its name, its notes and its normalisation are not in them."""
    arrays: dict[str, np.ndarray] = {}
    document = to_document(program, arrays)
    for aside in ("name", "notes", "normalisation"):
        document.pop(aside)
    sha = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for key in sorted(arrays):
        little = arrays[key].astype(arrays[key].dtype.newbyteorder("<"))
        sha.update(f"{key}{little.dtype.str}{little.shape}".encode() + little.tobytes())
    return sha.digest()[:8]


def to_document(program: Program, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The program as JSON-able data; arrays are put into `arrays` under "<node index>.<field>"."""
    return {
        "format": FORMAT,
        "name": program.name,
        "input": _pack(program.input, "input", arrays),
        "nodes": [{"op": n.op, **_pack(n, str(i), arrays)} for i, n in enumerate(program.nodes)],
        "output": program.output,
        "notes": list(program.notes),
        "normalisation": _pack(program.normalisation, "normalisation", arrays),
    }


def _pack(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: _pack(getattr(value, f.name), f"{path}.{f.name}", arrays) for f in dataclasses.fields(value)}
        return fields if isinstance(value, Node) else {"is": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"is": "array", "key": path}
    if isinstance(value, Kind):
        return value.value
    if isinstance(value, tuple):
        return [_pack(v, f"{path}.{i}", arrays) for i, v in enumerate(value)]
    return value


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Like numpy.savez_compressed, but without the clock in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key in sorted(arrays):
            member = io.BytesIO()
            little = np.ascontiguousarray(arrays[key]).astype(arrays[key].dtype.newbyteorder("<"))
            np.lib.format.write_array(member, little, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return buffer.getvalue()
