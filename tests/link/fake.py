# SPDX-License-Identifier: Apache-2.0
"""The integer program that device/fake_model.c spells out in C, and images for it."""

from __future__ import annotations

import numpy as np

from xnorc.program import Kind, Program, Tensor, Thresholds, Window
from xnorc.program.nodes.affine import Affine
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.nodes.threshold import Threshold

DIGEST = bytes([0x66, 0x61, 0x6B, 0x65, 0x00, 0x01, 0x02, 0x03])
SHAPE = (12, 15, 2)
CLASSES = 7


def program() -> Program:
    o, p, c = np.ogrid[:CLASSES, :180, :2]
    weights = np.where((o * 31 + p * 7 + c * 3) % 5 < 2, 1, -1).astype(np.int8).reshape(CLASSES, 12, 15, 2)
    whole = Thresholds(
        thr=np.array([100, 120], np.int32).reshape(1, 1, 2),
        flip=np.zeros(2, bool),
        rows=np.zeros(12, np.uint8),
        cols=np.zeros(15, np.uint8),
    )
    one = np.zeros(1, np.uint8)
    index = np.arange(CLASSES).reshape(1, 1, CLASSES)
    nodes = (
        Threshold(name="sign", inputs=("x",), output=Tensor("bits", SHAPE, Kind.BIT), thresholds=whole),
        BConv2d(
            name="fc",
            inputs=("bits",),
            output=Tensor("dots", (1, 1, CLASSES), Kind.I32),
            weights=weights,
            window=Window(kh=12, kw=15),
        ),
        Affine(
            name="scale",
            inputs=("dots",),
            output=Tensor("logits", (1, 1, CLASSES), Kind.I32),
            mul=(index + 1).astype(np.int32),
            add=(3 * index - 10).astype(np.int64),
            shift=1,
            low=-(2**31),
            high=2**31 - 1,
            rows=one,
            cols=one,
        ),
    )
    made = Program(name="fake", input=Tensor("x", SHAPE, Kind.U8), nodes=nodes, output="logits")
    made.verify()
    return made


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)
