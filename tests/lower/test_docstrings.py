# SPDX-License-Identifier: Apache-2.0
"""What a docstring lists under Attributes or Args is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "exporter" / "xnorc" / "lower"
FILES = sorted(ROOT.rglob("*.py"))


def listed(node: ast.ClassDef | ast.FunctionDef, section: str) -> set[str]:
    """Names that begin an entry of a section: `a, b: text`, several entries a line being set apart by `;`."""
    found = re.search(rf"^{section}:\n((?: {{4}}.*\n?|\n)*)", ast.get_docstring(node) or "", re.M)
    entries = re.findall(r"^ {4}(\w[\w, ]*):", found.group(1), re.M) if found else []
    return {name.strip() for entry in entries for name in entry.split(",")}


def fields(node: ast.ClassDef) -> set[str]:
    """Annotated names, `self.name = ...`, properties."""
    names = {n.target.id for n in ast.walk(node) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    stores = (n for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    return names | {n.attr for n in stores} | {n.name for n in node.body if isinstance(n, ast.FunctionDef)}


def parameters(node: ast.FunctionDef) -> set[str]:
    return {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_docstring_lists_a_name_that_does_not_exist(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            stale = listed(node, "Attributes") - fields(node)
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            stale |= listed(node, "Args") - (parameters(inits[0]) if inits else set())
            assert not stale, f"{node.name}: {sorted(stale)}"
        if isinstance(node, ast.FunctionDef):
            stale = listed(node, "Args") - parameters(node)
            assert not stale, f"{node.name}: {sorted(stale)}"


def test_the_reader_of_docstrings_sees_what_is_stale() -> None:
    text = '''
class A:
    """Text.

    Attributes:
        x: there.
        gone, also_gone: not there,
            nor is what stands here: text.
    """

    x: int
'''
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.ClassDef)
    assert listed(node, "Attributes") - fields(node) == {"gone", "also_gone"}
