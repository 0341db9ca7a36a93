# SPDX-License-Identifier: Apache-2.0
"""Imports run one way: the table of docs/contracts.md section 1, read from the source with `ast`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "exporter" / "xnorc"

MAY_IMPORT: dict[str, set[str]] = {
    "inert": set(),
    "errors": {"inert"},
    "npz": set(),
    "writing": {"errors"},
    "resources": {"errors"},
    "extras": {"errors"},
    "program": {"errors", "npz", "inert", "writing"},
    "capture": {"errors"},
    "data": {"errors", "npz", "inert"},
    "boards": {"errors", "resources", "inert"},
    "plan": {"errors", "program", "boards"},
    "render": {"errors", "resources", "plan", "program", "boards"},
    "options": {"errors"},
    "lower": {"errors", "options", "capture", "program"},
    "faults": {"errors", "capture"},
    "explaining": {"errors", "capture", "program"},
    "oracle": {"errors", "options", "capture", "program", "lower"},
    "exporting": {"errors", "writing", "faults", "explaining", "options", "capture", "program"}
    | {"lower", "oracle", "plan", "render"},
    "verifying": {"faults", "options", "oracle", "exporting"},
    "toolchain": {"errors", "resources", "boards"},
    "targets": {"errors", "boards"},
    "flash": {"errors", "boards", "targets", "link"},
    "link": {"errors", "program", "targets"},
    "mlperf": {"errors", "program", "targets"},
    "report": {"errors", "writing", "program", "targets"},
    "nn": {"errors", "writing", "data"},
    "build": {"errors", "resources", "program", "plan", "render", "boards", "toolchain", "mlperf"},
    "deploy": {"errors", "program", "plan", "build", "targets", "link"},
    "zoo": {"errors", "program"},
    "measure": {"errors", "program", "data", "deploy", "targets", "link", "report"},
}
# cli may import it, but only inside functions
TORCH_ALLOWED = {"capture", "lower", "oracle", "exporting", "verifying", "explaining", "nn"}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "_data" not in path.parts)


def part(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_arrow_allows(path: Path) -> None:
    here = part(path)
    names = imported(ast.parse(path.read_text()))
    ours = {name.split(".")[1] for name in names if name.startswith("xnorc.")} - {here, "__version__"}
    if here not in ("cli", "__init__", "__main__"):
        assert here in MAY_IMPORT, f"{here} has no row in docs/contracts.md section 1"
        assert ours <= MAY_IMPORT[here], f"{here} imports {sorted(ours - MAY_IMPORT[here])}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_is_imported_only_where_networks_are_read_or_trained(path: Path) -> None:
    tree = ast.parse(path.read_text())
    top = ast.Module(body=[n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], type_ignores=[])
    names = imported(top if part(path) in ("cli", "__init__", "data") else tree)
    if part(path) not in TORCH_ALLOWED:
        assert not any(name.split(".")[0] in ("torch", "lightning") for name in names)


def contract() -> dict[str, tuple[set[str], bool]]:
    """Package -> (what section 1 of docs/contracts.md lets it import, whether it says that it uses torch)."""
    text = (ROOT.parents[1] / "docs" / "contracts.md").read_text().split("\n## ")[1]
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            allowed = re.sub(r"\(.*?\)", "", cells[2])
            found[cells[0].strip("`")] = (set(re.findall(r"\w+", allowed)) - {"nothing"}, "(torch)" in cells[1])
    return found


def test_the_contracts_table_is_what_is_held_here() -> None:
    rows = contract()
    assert rows.pop("cli") == ({"anything"}, False)
    assert {name: allowed | {"errors"} for name, (allowed, _) in rows.items()} == {
        name: allowed | {"errors"} for name, allowed in MAY_IMPORT.items()
    }
    assert {name for name, (_, torch) in rows.items() if torch} == TORCH_ALLOWED


def test_what_may_be_imported_has_no_circle() -> None:
    left = {name: allowed - {name} for name, allowed in MAY_IMPORT.items()}
    while left:
        free = {name for name, allowed in left.items() if not allowed & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: allowed for name, allowed in left.items() if name not in free}
