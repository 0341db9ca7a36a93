# SPDX-License-Identifier: Apache-2.0
"""Reads a `.pt2` archive of `torch.export.save` without unpickling anything but plain tensors.

`torch.export.load` unpickles sample inputs, weights and constants in full when it must, evaluates symbolic
expressions, and builds Python source from names in the file.  So the archive is read here: the zip and its names are
checked, tensors are built from raw bytes (or by `weights_only=True` where they are pickled), and the graph's JSON
goes through
`xnorc.capture.archive_graph.sanitise` before torch sees it.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from xnorc.capture.archive_graph import sanitise
from xnorc.errors import CaptureError

MAX_ELEMENTS = 2**28  # of one tensor: 1 GiB of float32
MAX_JSON = 2**28  # bytes
_RECORD = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")


@dataclass(frozen=True)
class Archive:
    """An open archive whose entry names and sizes were checked."""

    path: Path
    zip: zipfile.ZipFile
    root: str

    def has(self, name: str) -> bool:
        """True if the archive holds the record."""
        return f"{self.root}/{name}" in self.zip.NameToInfo

    def read(self, name: str) -> bytes:
        """The bytes of one record; its CRC is checked."""
        if not self.has(name):
            raise CaptureError(str(self.path), f"has no record {name}", "an archive written by torch.export.save")
        return self.zip.read(f"{self.root}/{name}")

    def json(self, name: str) -> Any:
        """One record as JSON."""
        text = self.read(name)
        if len(text) > MAX_JSON:
            raise CaptureError(str(self.path), f"{name} has {len(text)} bytes", f"at most {MAX_JSON}")
        return json.loads(text)


def load_program(path: str | Path) -> tuple[ExportedProgram, torch.Tensor | None]:
    """The exported program in an archive, and its sample input if it holds exactly one tensor.

    Raises:
        CaptureError: the file is no such archive, is damaged, or holds anything that could run code.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as opened:
            archive = _checked(path, opened)
            name = _model_name(archive)
            state = _tensors(archive, name, "weights", "weight")
            constants = _tensors(archive, name, "constants", "tensor")
            sample = _sample(archive, name)
            document = sanitise(archive.json(f"models/{name}.json"), str(path))
            return _deserialise(document, state, constants), sample
    except CaptureError:
        raise
    except FileNotFoundError as error:
        raise CaptureError(str(path), "does not exist", "a .pt2 archive written by torch.export.save") from error
    except RecursionError as error:
        raise CaptureError(str(path), "is nested too deeply", "an archive written by torch.export.save") from error
    except Exception as error:
        what = (str(error).splitlines() or [""])[0][:160]
        raise CaptureError(
            str(path),
            f"is not a readable .pt2 archive ({type(error).__name__}: {what})",
            "an archive written by torch.export.save",
        ) from error


def _checked(path: Path, opened: zipfile.ZipFile) -> Archive:
    """Refuses names that leave the archive, compressed records (torch stores), and records that overlap or repeat."""
    entries = opened.infolist()
    names = [entry.filename for entry in entries]
    if not entries or len(set(names)) != len(names):
        raise CaptureError(str(path), "is empty or repeats a record", "an archive written by torch.export.save")
    for entry in entries:
        if not _RECORD.fullmatch(entry.filename) or ".." in entry.filename.split("/"):
            raise CaptureError(str(path), f"holds a record named {entry.filename[:60]!r}", "plain relative names")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise CaptureError(
                str(path), f"{entry.filename} is compressed", "stored records, as torch.export.save writes"
            )
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise CaptureError(str(path), "claims more bytes than the file has", "an undamaged archive")
    roots = {name.split("/")[0] for name in names}
    if len(roots) != 1:
        raise CaptureError(str(path), f"holds {len(roots)} top folders", "one, as torch.export.save writes")
    return Archive(path, opened, roots.pop())


def _model_name(archive: Archive) -> str:
    prefix = f"{archive.root}/models/"
    models = [
        n[len(prefix) : -len(".json")] for n in archive.zip.namelist() if n.startswith(prefix) and n.endswith(".json")
    ]
    if len(models) != 1:
        raise CaptureError(str(archive.path), f"holds {len(models)} exported programs", "exactly one")
    if any("/aotinductor/" in n for n in archive.zip.namelist()):
        raise CaptureError(str(archive.path), "holds compiled code", "a plain torch.export.save archive")
    return models[0]


def _plain_tensor(data: bytes, archive: Archive, name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:
        raise CaptureError(
            str(archive.path),
            f"{name} holds a pickle that is more than plain tensors",
            "nothing was run; save tensors only",
        ) from error


def _tensors(archive: Archive, model: str, folder: str, prefix: str) -> dict[str, torch.Tensor]:
    """Name -> tensor of the `weights` or `constants` folder."""
    legacy = f"data/{folder}/{model}.pt"
    if archive.has(legacy):
        held = _plain_tensor(archive.read(legacy), archive, legacy)
        if not isinstance(held, dict) or not all(isinstance(v, torch.Tensor) for v in held.values()):
            raise CaptureError(str(archive.path), f"{legacy} is not a dictionary of tensors", "plain tensors")
        return held
    config = archive.json(f"data/{folder}/{model}_{folder}_config.json")["config"]
    result: dict[str, torch.Tensor] = {}
    for name, payload in config.items():
        record = f"data/{folder}/{payload['path_name']}"
        if not re.fullmatch(rf"{prefix}_\d+", payload["path_name"]):
            raise CaptureError(
                str(archive.path),
                f"`{name}` is stored as {payload['path_name'][:40]!r}, not a tensor",
                "no custom or opaque objects",
            )
        if payload["use_pickle"]:
            tensor = _plain_tensor(archive.read(record), archive, record)
            if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
                raise CaptureError(str(archive.path), f"`{name}` is a {type(tensor).__name__}", "a plain tensor")
        else:
            tensor = _strided(archive.read(record), payload["tensor_meta"], archive, name)
        result[name] = torch.nn.Parameter(tensor, requires_grad=False) if payload["is_param"] else tensor
    return result


def _strided(data: bytes, meta: dict[str, Any], archive: Archive, name: str) -> torch.Tensor:
    from torch._export.serde.serialize import deserialize_scalar_type

    size = [int(s["as_int"]) for s in meta["sizes"]]
    stride = [int(s["as_int"]) for s in meta["strides"]]
    offset = int(meta["storage_offset"]["as_int"])
    kind = deserialize_scalar_type(meta["dtype"])
    width = torch.empty((), dtype=kind).element_size()
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else 0
    if min([0, offset, *size, *stride]) < 0 or last >= max(1, len(data) // width) or prod(size) > MAX_ELEMENTS:
        raise CaptureError(
            str(archive.path), f"`{name}` claims elements its record does not hold", "an undamaged archive"
        )
    if 0 in size or not data:
        return torch.zeros(size, dtype=kind)
    return torch.frombuffer(bytearray(data), dtype=kind).as_strided(size, stride, offset).clone()


def _sample(archive: Archive, model: str) -> torch.Tensor | None:
    record = f"data/sample_inputs/{model}.pt"
    data = archive.read(record) if archive.has(record) else b""
    if not data:
        return None
    held = _plain_tensor(data, archive, record)
    leaves = torch.utils._pytree.tree_leaves(held)
    return leaves[0] if len(leaves) == 1 and isinstance(leaves[0], torch.Tensor) else None


def _deserialise(
    document: dict[str, Any], state: dict[str, torch.Tensor], constants: dict[str, torch.Tensor]
) -> ExportedProgram:
    from torch._export.serde import schema
    from torch._export.serde.serialize import ExportedProgramDeserializer, _dict_to_dataclass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        serialised = _dict_to_dataclass(schema.ExportedProgram, document)  # type: ignore[no-untyped-call]
        return ExportedProgramDeserializer().deserialize(serialised, state, constants, None)
