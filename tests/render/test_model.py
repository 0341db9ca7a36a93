# SPDX-License-Identifier: Apache-2.0
"""The text of model.h: the same bytes every time, safe whatever the layers are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorc.plan import plan
from xnorc.plan.layout import Array
from xnorc.program import Kind, Program, Tensor, Window
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.threshold import Threshold
from xnorc.program.thresholds import from_map
from xnorc.render.ctext import array_text, number
from xnorc.render.model import ABI, render_model
from xnorc.render.templates import harmless
from xnorc.resources import folder

ROOT = Path(__file__).resolve().parents[2]


def tiny(name: str = "layer.0") -> Program:
    thr = from_map(np.full((2, 2, 3), 128), np.zeros(3, bool))
    nodes = (
        Threshold(name=name, inputs=("x",), output=Tensor("a", (2, 2, 3), Kind.BIT), thresholds=thr),
        BConv2d(
            name="head", inputs=("a",), output=Tensor("y", (1, 1, 4), Kind.I32), window=Window(kh=2, kw=2),
            weights=np.ones((4, 2, 2, 3), np.int8),
        ),
    )  # fmt: skip
    program = Program(name="tiny", input=Tensor("x", (2, 2, 3), Kind.U8), nodes=nodes, output="y")
    program.verify()
    return program


def test_the_size_header_states_what_the_app_must_own() -> None:
    made = plan(tiny())
    text = render_model(made)["bnn_model_size.h"]
    for line in (f"BNN_ARENA_BYTES {made.arena}u", "BNN_INPUT_BYTES 12u", "BNN_LOGITS 4u", "BNN_NODES 2u"):
        assert f"#define {line}" in text


def test_the_calls_are_a_straight_list() -> None:
    text = render_model(plan(tiny()))["model.h"]
    body = text[text.index("void bnn_model_run") :]
    assert body.index("bnn_threshold_") < body.index("bnn_model_after(0)") < body.index("if (last == 0) return;")
    assert body.index("bnn_bconv2d_") < body.index("bnn_model_after(1)")


def test_a_layer_name_cannot_leave_its_comment() -> None:
    text = render_model(plan(tiny("evil\\\nint x; */ ??/ \N{SNOWMAN}")))["model.h"]
    line = next(line for line in text.splitlines() if line.startswith("// Node 0"))
    assert line == "// Node 0, evil..int x; *. ?./ ."


def test_headers_are_byte_identical_in_another_process() -> None:
    code = (
        "import hashlib; from tests.conformance.programs import random_program; "
        "from xnorc.plan import plan; from xnorc.render.model import render_model; "
        "print(hashlib.sha256(repr(render_model(plan(random_program(2)))).encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(folder("firmware").parent / "exporter")}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0] == runs[1]


def test_the_abi_is_that_of_the_runtime() -> None:
    assert f"#define BNN_ABI {ABI} " in (folder("firmware") / "include" / "bnn.h").read_text()


@pytest.mark.parametrize(
    ("ctype", "value", "text"),
    [
        ("uint32_t", 10, "0x0000000Au"),
        ("int32_t", -(2**31), "INT32_MIN"),
        ("int32_t", 2**31 - 1, "INT32_MAX"),
        ("int64_t", -(2**63), "INT64_MIN"),
        ("int64_t", 2**40, "INT64_C(1099511627776)"),
        ("int16_t", -32768, "-32768"),
    ],
)
def test_numbers_are_written_exactly(ctype: str, value: int, text: str) -> None:
    assert number(ctype, value) == text


def test_arrays_are_broken_into_rows_and_never_empty() -> None:
    rows = array_text("a", Array("int8_t", np.arange(100))).rows
    assert len(rows) > 1
    assert all(len(row) <= 118 for row in rows)
    assert array_text("a", Array("int8_t", np.zeros(0, int))).rows == ("0,",)
    assert harmless("a\tb /* x */") == "a.b /. x *."
