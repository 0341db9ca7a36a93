# SPDX-License-Identifier: Apache-2.0
"""A small report with something in every field."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xnorc.boards import load
from xnorc.program import Kind, Program, Tensor, Thresholds, Window
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.threshold import Threshold
from xnorc.report import rows
from xnorc.report.results import Accuracy, Agreement, Classification, Data, Report, wrong_samples
from xnorc.targets.qemu import Qemu

TRUTHS = np.array([0, 0, 0, 1, 1, -1, 1, 2])
LABELS = np.array([0, 0, 1, 1, 1, 2, 0, 0])
IMAGES = np.arange(8 * 12, dtype=np.uint8).reshape(8, 4, 3, 1)


@dataclass
class Kernel:
    function: str
    scratch: int


@dataclass
class Step:
    kernel: Kernel
    output: int
    scratch: int
    flash: int
    ram: int
    rides_on: int | None = None


STEPS = (Step(Kernel("bnn_threshold", 0), 16, 0, 24, 64), Step(Kernel("bnn_bconv2d_fc", 32), 64, 80, 152, 112))


def program() -> Program:
    zero = np.zeros((1, 1, 1), np.int32)
    thresholds = Thresholds(thr=zero, flip=np.zeros(1, bool), rows=np.zeros(4, np.uint8), cols=np.zeros(3, np.uint8))
    bits = Tensor("bits", (4, 3, 1), Kind.BIT)
    first = Threshold(name="sign", inputs=("x",), output=bits, thresholds=thresholds)
    second = BConv2d(
        name="fc",
        inputs=("bits",),
        output=Tensor("logits", (1, 1, 3), Kind.I32),
        weights=np.ones((3, 4, 3, 1), np.int8),
        window=Window(kh=4, kw=3),
    )
    made = Program(name="tiny", input=Tensor("x", (4, 3, 1), Kind.U8), nodes=(first, second), output="logits")
    made.verify()
    return made


def report(**fields: object) -> Report:
    found = Classification.of(LABELS, TRUTHS, 3)
    layers = rows.layers(program(), STEPS, [100.0, 900.5])
    made = Report(
        model="tiny",
        digest="00112233aabbccdd",
        target=Qemu(load("mps2_an386")),
        data=Data("toy", 8, ("zero", "one", "two"), "only for tests"),
        accuracy=Accuracy(found.accuracy, found.accuracy, None, found.accuracy),
        agreement=Agreement(8, 8, None, 7),
        classification=found,
        layers=layers,
        arena=rows.spans(program(), STEPS),
        arena_bytes=112,
        memories=(rows.flash_memory(layers, 4096, 8192), rows.ram_memory(112, 1024, 1500, 0)),
        count=1000.5,
        spread=(990.0, 1010.0),
        notes=("a note with <angles> & ampersands",),
        wrong=wrong_samples(IMAGES, LABELS, TRUTHS),
        versions={"numpy": "2.0", "arm-none-eabi-gcc": "12.2"},
    )
    return replace(made, **fields)  # type: ignore[arg-type]
