# SPDX-License-Identifier: Apache-2.0
"""Inside `lower`, too, imports run one way, and no function reaches through the object that holds everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "exporter" / "xnorc" / "lower"

BELOW = {"graph", "layer_rows", "builder", "lowering"}
MAY_IMPORT: dict[str, set[str]] = {
    "graph": set(),
    "chain": {"graph"},
    "layer_rows": set(),
    "builder": {"layer_rows"},
    "unread_places": set(),
    "lowering": {"graph", "builder"},
    "routing": BELOW,
    "streams": BELOW | {"chain", "routing", "unread_places"},
    "dots": BELOW | {"chain", "routing", "streams"},
    "bits": BELOW | {"chain", "routing", "streams", "dots", "unread_places"},
    "inputs": BELOW,
    "logits": BELOW | {"chain", "routing"},
    "sources": BELOW | {"bits", "chain", "dots", "inputs", "streams"},
}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """What a file of `lower` imports of `lower`, imports for type checkers alone included."""
    froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names = {n.module or "" for n in froms} | {f"{n.module}.{a.name}" for n in froms for a in n.names}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    return {name for name in names if name.startswith("xnorc.lower.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    rooms = {name.split(".")[2] for name in imported(ast.parse(path.read_text()))} - {room(path)}
    assert rooms <= MAY_IMPORT[room(path)], f"{room(path)} imports {sorted(rooms - MAY_IMPORT[room(path)])}"


def test_rooms_can_be_put_in_one_order() -> None:
    left = dict(MAY_IMPORT)
    while left:
        ready = [name for name, wanted in left.items() if not wanted & left.keys()]
        assert ready, f"a circle among {sorted(left)}"
        for name in ready:
            del left[name]


def test_files_of_one_room_import_each_other_in_no_circle() -> None:
    wants = {
        ".".join(("xnorc.lower", *path.relative_to(ROOT).with_suffix("").parts)): imported(ast.parse(path.read_text()))
        for path in FILES
    }
    left = {name: wanted & wants.keys() for name, wanted in wants.items()}
    while left:
        ready = [name for name, wanted in left.items() if not wanted & left.keys()]
        assert ready, f"a circle among {sorted(left)}"
        for name in ready:
            del left[name]


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "lowering.py"], ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_reaches_through_the_lowering(path: Path) -> None:
    """`lowering.source(x)` or `graph = lowering.graph`, never `lowering.graph.scales.int16(x)`."""
    through = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == "lowering"
    ]
    assert not through
