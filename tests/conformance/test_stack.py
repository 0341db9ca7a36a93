# SPDX-License-Identifier: Apache-2.0
"""Stack of the kernels, as the compiler states it: small boards reserve a kilobyte in all."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from xnorc.resources import folder
from xnorc.toolchain import TARGET, cross_compiler, run_tool

FIRMWARE = folder("firmware")
NODE = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \((\w+)\)')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
INDIRECT = "__indirect_call"  # the functions that bnn_walk_quads is given
GIVEN = re.compile(r"(^|:)(rect|list)_\w+$")


def call_graph(core: str, out: Path) -> tuple[dict[str, int], dict[str, set[str]]]:
    """(bytes of each function's frame, what each calls) of all kernels together."""
    flags = [*TARGET, f"-mcpu={core}", "-O2", "-fcallgraph-info=su", f"-I{FIRMWARE / 'include'}"]
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for source in sorted((FIRMWARE / "kernels").glob("*.c")):
        run_tool([cross_compiler(), *flags, "-c", str(source), "-o", str(out / "k.o")], check=True)
        text = (out / "k.ci").read_text()
        for name, size, how in NODE.findall(text):
            assert how == "static", name
            frames[name] = int(size)
        for caller, callee in EDGE.findall(text):
            calls.setdefault(caller, set()).add(callee)
    return frames, calls


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_no_kernel_needs_more_stack_than_the_header_states(
    core: str, tmp_path: Path, need: Callable[..., None]
) -> None:
    """The longest chain of calls from any kernel; the compiler's own arithmetic (libgcc) is not in it."""
    need("arm-none-eabi-gcc")
    frames, calls = call_graph(core, tmp_path)
    given = {name for name in frames if GIVEN.search(name)}
    assert len(given) >= 12
    assert any(INDIRECT in callees for callees in calls.values())

    @cache
    def depth(name: str) -> int:
        callees = {c for callee in calls.get(name, ()) for c in (given if callee == INDIRECT else (callee,))}
        return frames.get(name, 0) + max((depth(callee) for callee in callees), default=0)

    needs = {name: depth(name) for name in frames if name.startswith("bnn_")}
    assert {"bnn_iconv2d_pairs", "bnn_bconv2d_lookup", "bnn_emit"} <= needs.keys()
    assert depth("bnn_iconv2d_pairs") > frames["bnn_iconv2d_pairs"] + frames["bnn_walk_quads"]
    stated = re.search(r"more than (\d+) bytes of stack", (FIRMWARE / "include" / "bnn.h").read_text())
    assert stated is not None
    assert max(needs.values()) <= int(stated[1]), needs
