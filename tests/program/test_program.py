# SPDX-License-Identifier: Apache-2.0
"""Whole programs: verify refuses what kernels could not survive, files round-trip and never run code."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnorc.errors import ProgramError
from xnorc.program import Kind, Node, Program, Tensor, Window, digest, from_map, load, save
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.iconv2d import IConv2d


@pytest.fixture
def small() -> Program:
    rng = np.random.default_rng(0)
    same = Window(kh=3, kw=3, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    thr = from_map(np.tile(rng.integers(-50, 50, (2, 2, 33)), (4, 4, 1)), rng.random(33) < 0.3)
    first = IConv2d(
        name="stem", inputs=("image",), output=Tensor("a", (8, 8, 33), Kind.BIT), window=same, thresholds=thr,
        weights=rng.integers(-127, 128, (33, 3, 3, 1)).astype(np.int8),
    )  # fmt: skip
    last = BConv2d(
        name="head", inputs=("a",), output=Tensor("logits", (1, 1, 10), Kind.I32), window=Window(kh=8, kw=8),
        weights=(rng.integers(0, 2, (10, 8, 8, 33)) * 2 - 1).astype(np.int8),
    )  # fmt: skip
    return Program(name="small", input=Tensor("image", (8, 8, 1), Kind.U8), nodes=(first, last), output="logits")


def images(n: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (n, 8, 8, 1)).astype(np.uint8)


def test_dump_names_shapes_geometry_thresholds_and_work(small: Program) -> None:
    flips = int(small.nodes[0].thresholds.flip.sum())
    assert small.dump().splitlines() == [
        "program small: image:u8[8x8x1]",
        f"  a:bit[8x8x33] = iconv2d(image) 3x3 pad 1,1,1,1 skip thr tile 2x2 flip {flips} macs 19008",
        "  logits:i32[1x1x10] = bconv2d(a) 8x8 macs 21120",
        "  return logits",
    ]


def test_batches_do_not_change_the_answer(small: Program) -> None:
    x = images(10)
    np.testing.assert_array_equal(small.run(x, batch=3), small.run(x, batch=64))
    np.testing.assert_array_equal(small.trace(x)["logits"].reshape(10, -1), small.run(x))


def test_a_saved_program_loads_to_the_same_digest_and_answers(small: Program, tmp_path: Path) -> None:
    save(small, tmp_path)
    again = load(tmp_path)
    assert digest(again) == digest(small)
    assert again.dump() == small.dump()
    np.testing.assert_array_equal(again.run(images(4)), small.run(images(4)))


def test_saving_twice_gives_the_same_bytes(small: Program, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save(small, tmp_path / folder)
    for name in ("program.json", "constants.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def replaced(node: Node, **fields: Any) -> Node:
    return dataclasses.replace(node, **fields)


def test_one_changed_weight_changes_the_digest(small: Program) -> None:
    head = small.nodes[1]
    weights = head.weights.copy()
    weights[3, 1, 1, 7] *= -1
    other = dataclasses.replace(small, nodes=(small.nodes[0], replaced(head, weights=weights)))
    assert digest(other) != digest(small)


def test_pickled_constants_are_refused(small: Program, tmp_path: Path) -> None:
    save(small, tmp_path)
    constants: dict[str, Any] = {"0.weights": np.array([object()], dtype=object)}
    np.savez(tmp_path / "constants.npz", **constants)
    with pytest.raises(ProgramError):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}'])
def test_a_damaged_program_file_is_one_clear_error(small: Program, tmp_path: Path, text: str) -> None:
    save(small, tmp_path)
    (tmp_path / "program.json").write_text(text)
    with pytest.raises(ProgramError):
        load(tmp_path)


def test_an_unknown_node_is_named(small: Program, tmp_path: Path) -> None:
    save(small, tmp_path)
    document = json.loads((tmp_path / "program.json").read_text())
    document["nodes"][0]["op"] = "warp"
    (tmp_path / "program.json").write_text(json.dumps(document))
    with pytest.raises(ProgramError, match="warp"):
        load(tmp_path)


def test_verify_names_the_node_that_reads_what_nobody_wrote(small: Program) -> None:
    broken = dataclasses.replace(small, nodes=(small.nodes[1], small.nodes[0]))
    with pytest.raises(ProgramError, match="head"):
        broken.verify()


def test_verify_names_the_node_that_writes_what_is_written(small: Program) -> None:
    first = small.nodes[0]
    again = dataclasses.replace(small, nodes=(first, *small.nodes))
    with pytest.raises(ProgramError, match=rf"^{first.name}: writes {first.output.name} a second time"):
        again.verify()


def test_verify_refuses_weights_that_are_not_signs(small: Program) -> None:
    weights = small.nodes[1].weights.copy()
    weights[0, 0, 0, 0] = 0
    broken = dataclasses.replace(small, nodes=(small.nodes[0], replaced(small.nodes[1], weights=weights)))
    with pytest.raises(ProgramError, match="-1 and"):
        broken.verify()


def test_an_output_that_does_not_fit_its_kind_is_refused(small: Program) -> None:
    head = dataclasses.replace(small.nodes[1], output=Tensor("logits", (1, 1, 11), Kind.I32))
    with pytest.raises(ProgramError, match="output shape"):
        dataclasses.replace(small, nodes=(small.nodes[0], head)).verify()
