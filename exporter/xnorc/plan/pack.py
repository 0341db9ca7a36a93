# SPDX-License-Identifier: Apache-2.0
"""Parts that several nodes' structs share: kinds, windows, thresholds, requantization, packed signs."""

from __future__ import annotations

import numpy as np

from xnorc.plan.layout import Array, Member, Struct, named, pointer, scalars
from xnorc.program import Kind, Requant, Thresholds, Window, pack_bits
from xnorc.program.window import PAD_MODES

KINDS = (Kind.BIT, Kind.U8, Kind.I8, Kind.I16, Kind.I32)  # the order of the enum in bnn.h


def kind(name: str, value: Kind) -> Member:
    """A BNN_BIT.. member."""
    return named("uint8_t", name, KINDS.index(value), f"BNN_{value.name}")


def window(value: Window) -> Member:
    """bnn_window_t.  Bottom and right pads are not needed once the output's size is known."""
    mode = PAD_MODES.index(value.pad_mode)
    fields = ("kh", "kw", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top", "pad_left")
    members = (
        *scalars("uint8_t", **{field: getattr(value, field) for field in fields}),
        named("uint8_t", "pad_mode", mode, f"BNN_PAD_{value.pad_mode.upper()}"),
        *scalars("int16_t", pad_value=value.pad_value),
    )
    return Member("window", "bnn_window_t", Struct("bnn_window_t", members))


def classes(rows: np.ndarray, cols: np.ndarray) -> tuple[Member, Member]:
    """The class tables of thresholds and affines."""
    return pointer("rows", Array("uint8_t", rows, "(h)")), pointer("cols", Array("uint8_t", cols, "(w)"))


def flip_words(flip: np.ndarray) -> Array:
    """bool (ch,) -> packed words, tail bits 0."""
    return Array("uint32_t", pack_bits(flip.astype(np.uint8)), "(words)")


def thresholds(value: Thresholds | None) -> Member:
    """bnn_thresholds_t; all NULL where the node has none."""
    if value is None:
        members: tuple[Member, ...] = (
            pointer("thr", None, "int32_t"),
            pointer("thr2", None, "int32_t"),
            pointer("flip", None, "uint32_t"),
            pointer("rows", None, "uint8_t"),
            pointer("cols", None, "uint8_t"),
            *scalars("uint16_t", n_cols=0),
        )
    else:
        thr2 = None if value.thr2 is None else Array("int32_t", value.thr2, "(row classes, col classes, ch)")
        members = (
            pointer("thr", Array("int32_t", value.thr, "(row classes, col classes, ch)")),
            pointer("thr2", thr2, "int32_t"),
            pointer("flip", flip_words(value.flip)),
            *classes(value.rows, value.cols),
            *scalars("uint16_t", n_cols=value.thr.shape[1]),
        )
    return Member("thresholds", "bnn_thresholds_t", Struct("bnn_thresholds_t", members))


def tables(mul: np.ndarray, add: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """mul and add (.., ch) as they are and 1; or (.., 1) and 0 where all channels are alike."""
    if (mul == mul[..., :1]).all() and (add == add[..., :1]).all():
        return mul[..., :1], add[..., :1], 0
    return mul, add, 1


def requant(value: Requant | None) -> Member:
    """bnn_requant_t; NULL where the node has none, one number of each kind where channels are alike."""
    if value is None:
        mul = add = None
        rest = dict.fromkeys(("low", "high", "shift", "step"), 0)
    else:
        kept_mul, kept_add, step = tables(value.mul, value.add)
        mul, add = Array("int32_t", kept_mul, "(ch)"), Array("int64_t", kept_add, "(ch)")
        rest = {"low": value.low, "high": value.high, "shift": value.shift, "step": step}
    members = (
        pointer("mul", mul, "int32_t"),
        pointer("add", add, "int64_t"),
        *scalars("int32_t", low=rest["low"], high=rest["high"]),
        *scalars("uint8_t", shift=rest["shift"], step=rest["step"]),
    )
    return Member("requant", "bnn_requant_t", Struct("bnn_requant_t", members))


def sign_words(weights: np.ndarray) -> np.ndarray:
    """int8 +-1 (..., ch) -> uint32 (..., words), bit 1 is +1."""
    return pack_bits((weights > 0).astype(np.uint8))
