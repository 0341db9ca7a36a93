# SPDX-License-Identifier: Apache-2.0
"""The door: `program.json` becomes dataclasses by their own type hints, strictly, or is refused at one path.

Nothing is converted on the way in: an int is an int (no bool, no 3.0), a tuple of three has three items, a key that no
field has is refused, and an array is one that `constants.npz` holds.  What hints cannot say (shapes that fit each
other, ranges, order) is left to `Program.verify`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cattrs
import numpy as np
from cattrs.gen import make_dict_structure_fn

from xnorc.errors import ProgramError
from xnorc.inert import is_inert
from xnorc.program.node import Node, registry
from xnorc.program.normalisation import Normalisation
from xnorc.program.program import Program
from xnorc.program.requant import Requant
from xnorc.program.tensor import Kind, Tensor
from xnorc.program.thresholds import Thresholds
from xnorc.program.window import Window

FORMAT = 1
PARTS = (
    Tensor,
    Window,
    Thresholds,
    Requant,
    Normalisation,
)  # dataclasses that stand in the file with their name, under "is"
MOST = 2**63  # no integer of a program reaches it
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What `program.json` holds, as it stands there."""

    format: int
    name: str
    input: Tensor
    nodes: tuple[Node, ...]
    output: str
    notes: tuple[str, ...] = ()
    normalisation: Normalisation | None = None


def program_of(where: str, document: Any, arrays: Mapping[str, np.ndarray]) -> Program:
    """The program that a parsed `program.json` and the arrays beside it stand for; `verify` has not seen it yet.

    Args:
        where: the file, for messages.

    Raises:
        ProgramError: one line with the path of the first thing that does not fit, as `nodes[3].window.kh`.
    """
    if not isinstance(document, dict):
        raise ProgramError(where, "is no JSON object", "export it again")
    if document.get("format") != FORMAT:
        raise ProgramError(where, f"format {document.get('format')!r}", f"this xnorc reads format {FORMAT}")
    try:
        made = _converter(arrays).structure(document, Document)
    except Exception as error:  # cattrs gathers what any hook raised; its own two kinds are groups of it
        raise ProgramError(where, f"does not fit: {_first(error)}", "export it again") from None
    for name in (made.name, made.output, made.input.name, *(node.output.name for node in made.nodes)):
        if not IDENTIFIER.fullmatch(name):
            raise ProgramError(where, f"names a tensor or program {name[:40]!r}", "letters, digits and _: a name in C")
    return Program(
        name=made.name,
        input=made.input,
        nodes=made.nodes,
        output=made.output,
        notes=made.notes,
        normalisation=made.normalisation,
    )


def _converter(arrays: Mapping[str, np.ndarray]) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind, hook in ((int, _integer), (float, _real), (str, _text), (bool, _truth), (Kind, _kind)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is tuple, lambda value, kind: _tuple(converter, value, kind)
    )
    converter.register_structure_hook(np.ndarray, lambda value, _: _array(value, arrays))
    for part in PARTS:
        converter.register_structure_hook(part, _tagged(converter, part))
    nodes = {op: make_dict_structure_fn(kind, converter) for op, kind in registry().items()}
    converter.register_structure_hook(Node, lambda value, _: _node(nodes, value))
    return converter


def _integer(value: Any, _: Any) -> int:
    if type(value) is not int or abs(value) >= MOST:
        raise ValueError(f"{_show(value)} is no whole number of 64 bits")
    return value


def _real(value: Any, _: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{_show(value)} is no finite number")
    return float(value)


def _text(value: Any, _: Any) -> str:
    if type(value) is not str or not is_inert(value):
        raise ValueError(f"{_show(value)} is no text without control characters")
    return value


def _truth(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{_show(value)} is not true or false")
    return value


def _kind(value: Any, _: Any) -> Kind:
    if value not in [kind.value for kind in Kind]:
        raise ValueError(f"{_show(value)} is none of {', '.join(Kind)}")
    return Kind(value)


def _tuple(converter: cattrs.Converter, value: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{_show(value)} is no list")
    kinds = kind.__args__
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{len(value)} items instead of {len(kinds)}")
    return tuple(_at(converter, item, each, index) for index, (item, each) in enumerate(zip(value, kinds, strict=True)))


def _at(converter: cattrs.Converter, item: Any, kind: Any, index: int) -> Any:
    try:
        return converter.structure(item, kind)
    except Exception as error:
        raise _Item(index, error) from None


class _Item(Exception):
    """What is wrong with one item of a list."""

    def __init__(self, index: int, cause: Exception) -> None:
        super().__init__(index)
        self.index, self.cause = index, cause


def _array(value: Any, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if not isinstance(value, dict) or set(value) != {"is", "key"} or value["is"] != "array":
        raise ValueError(f"{_show(value)} is no array")
    if type(value["key"]) is not str or value["key"] not in arrays:
        raise ValueError(f"constants.npz holds no array {_show(value['key'])}")
    return arrays[value["key"]]


def _tagged(converter: cattrs.Converter, part: type) -> Any:
    structure: Any = make_dict_structure_fn(part, converter)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict) or value.get("is") != part.__name__:
            raise ValueError(f"{_show(value)} is no {part.__name__}")
        return structure({key: held for key, held in value.items() if key != "is"}, part)

    return hook


def _node(nodes: Mapping[str, Any], value: Any) -> Any:
    op = value.get("op") if isinstance(value, dict) else None
    if not isinstance(op, str) or op not in nodes:
        raise ValueError(f"unknown node {_show(op)}; known: {', '.join(nodes)}")
    return nodes[op]({key: held for key, held in value.items() if key != "op"}, registry()[op])


def _first(error: BaseException) -> str:
    """path: reason, of the first thing that is wrong."""
    path, at = "", error
    while True:
        if isinstance(at, _Item):
            path, at = f"{path}[{at.index}]", at.cause
            continue
        if isinstance(at, cattrs.errors.ForbiddenExtraKeysError):
            return f"{path.lstrip('.') or 'the file'}: unknown key {_show(sorted(map(str, at.extra_fields))[0])}"
        if isinstance(at, cattrs.errors.ClassValidationError):
            inner, left = at.group_exceptions()
            if inner:
                at, note = inner[0]
                path = f"{path}.{note.name}"
                if isinstance(at, KeyError):
                    return f"{path.lstrip('.')}: is missing"
                continue
            at = left[0]
            continue
        return f"{path.lstrip('.') or 'the file'}: {at}"


def _show(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
