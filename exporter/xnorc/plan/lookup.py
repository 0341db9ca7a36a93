# SPDX-License-Identifier: Apache-2.0
"""What bnn_bconv2d_lookup needs: bit-sliced weights, thresholds as initial counters, and how much RAM buys what speed.

Counting is in mismatches: dot = n - 2 P, so dot >= thr is P <= M with M = floor((n - thr) / 2).  Counters of B + 1
bits start at 2^B - (M + 1) with 2^B above any P: bit B ends as "P > M".

Taps outside the image under pad mode "skip" are counted as bits 0.  They add the number of +1 weights they meet, a
constant per channel and place, which the counters start lower by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xnorc.plan.layout import Array, Struct, pointer, scalars
from xnorc.plan.pack import classes, flip_words, kind, thresholds, window
from xnorc.program import ALWAYS, NEVER, Tensor, pack_bits, words
from xnorc.program.nodes.bconv2d import BConv2d
from xnorc.program.window import SKIP

LEVELS = 24  # planes at most: more than any node needs
_PIXEL = 32  # words of the pixel at work, beside its counters: dots


@dataclass(frozen=True)
class Shape:
    """How one call is cut up.

    Attributes:
        strip: output rows done at a time.
        chunk: taps whose tables are in RAM at a time.
        in_rows: input rows that a strip reads, at most.
        scratch: bytes.
        instructions: estimate for a whole call on an M4.
    """

    strip: int
    chunk: int
    in_rows: int
    scratch: int
    instructions: int


@dataclass(frozen=True)
class Places:
    """Classes of output rows and columns that share their counters' start.

    rows and cols (out_h,), (out_w,) number them; seen_h (classes, kh) and seen_w (classes, kw) tell which taps lie
    inside the image; thr_h and thr_w (classes,) name the class of thresholds.
    """

    rows: np.ndarray
    cols: np.ndarray
    seen_h: np.ndarray
    seen_w: np.ndarray
    thr_h: np.ndarray
    thr_w: np.ndarray


def takes(node: BConv2d) -> bool:
    """True where the kernel can run the node."""
    return node.groups == 1 and planes_of(node, node.weights.shape[1] * node.weights.shape[2]) <= LEVELS


def planes_of(node: BConv2d, chunk: int) -> int:
    """Bits of a counter.

    One more than what holds every count; and enough for the carries of a chunk, `capacity` in all, even where the
    upper ones are always 0 because channels beyond in_ch add nothing.
    """
    capacity = chunk * (32 * words(node.weights.shape[3]) + 1)
    return max(node.fan_in.bit_length() + 1, capacity.bit_length(), 6)


def shapes(node: BConv2d, source: Tensor) -> list[Shape]:
    """The cuts worth having, the fastest first; each next one is slower and needs less scratch."""
    every = sorted(_cuts(node, source), key=lambda s: (s.instructions, s.scratch))
    kept: list[Shape] = []
    for shape in every:
        if not kept or shape.scratch < kept[-1].scratch:
            kept.append(shape)
    return kept


def _cuts(node: BConv2d, source: Tensor) -> Iterator[Shape]:
    h, w, in_ch = source.shape
    out_h, out_w, out_ch = node.output.shape
    kh, kw = node.window.kh, node.window.kw
    taps, in_words, groups = kh * kw, words(in_ch), words(out_ch)
    rows = node.window.rows(h)
    strips = sorted({-(-out_h // 2**halvings) for halvings in range(out_h.bit_length() + 1)}, reverse=True)
    for strip in strips:
        in_rows, indexed = 0, 0
        for y in range(0, out_h, strip):
            seen = rows[y : y + strip]
            seen = seen[seen >= 0]
            span = int(seen.max() - seen.min() + 1) if seen.size else 0
            in_rows, indexed = max(in_rows, span), indexed + span * w
        for chunk in sorted({taps, kw, 1}):
            planes = planes_of(node, chunk)
            tables = chunk * (128 * in_words + 2)
            lists = chunk * in_words // 2 + 3 * chunk + 2  # parities, heavier carries, places of taps
            indices = (in_rows * w + 1) * (4 * in_words + 1)
            places = (out_w * kw + strip * kh + 1) // 2
            saved = strip * out_w * planes if chunk < taps else 0
            calls = -(-out_h // strip) * groups  # times that all tables are built
            build = calls * taps * in_words * 16 * 24
            index = indexed * (in_words * 34 + 12)
            count = node.output.shape[0] * out_w * groups * taps * (in_words * 128 + 77)
            finish = out_h * out_w * groups * -(-taps // chunk) * (planes * 14 + 150)
            if _numbers(node):
                finish += out_h * out_w * groups * (8 * planes * 9 + 32 * 12)
            yield Shape(
                strip=strip,
                chunk=chunk,
                in_rows=in_rows,
                scratch=4 * (_PIXEL + planes + lists + tables + indices + places + saved),
                instructions=build + index + count + finish,
            )


def _numbers(node: BConv2d) -> bool:
    """True where counters must be turned into numbers: no threshold, or an interval."""
    return node.thresholds is None or node.thresholds.thr2 is not None


def build(node: BConv2d, source: Tensor, shape: Shape) -> Struct:
    """bnn_bconv2d_lookup_t."""
    h, w, in_ch = source.shape
    out_h, out_w, out_ch = node.output.shape
    places = _places(node, source)
    planes = planes_of(node, shape.chunk)
    start, base = _start(node, places, planes)
    unused = words(out_ch) * 32 - out_ch  # lanes whose bit must end as 0: "never"
    start = np.pad(start, ((0, 0), (0, 0), (0, unused)), constant_values=1 << (planes - 1))
    sliced = np.stack([(start >> b) & 1 for b in range(planes)], axis=3)  # (rows, cols, out_ch, planes)
    bias = pack_bits(np.moveaxis(sliced, 2, -1).astype(np.uint8))  # (rows, cols, planes, out words)
    bits = not _numbers(node)
    members = (
        pointer("weights", Array("uint32_t", slice_weights(node.weights), "(out words, kh, kw, in_ch)")),
        pointer("bias", Array("uint32_t", np.moveaxis(bias, 3, 2), "(row classes, col classes, out words, planes)")),
        *classes(places.rows, places.cols),
        pointer("base", None if bits else Array("int32_t", base, "(row classes, col classes)"), "int32_t"),
        thresholds(None if bits else node.thresholds),
        pointer("flip", flip_words(node.thresholds.flip) if bits and node.thresholds else None, "uint32_t"),
        window(node.window),
        *scalars("uint16_t", n_cols=len(places.seen_w), h=h, w=w, in_ch=in_ch, out_h=out_h, out_w=out_w, out_ch=out_ch),
        *scalars("uint16_t", strip=shape.strip, in_rows=shape.in_rows, chunk=shape.chunk),
        *scalars("uint8_t", planes=planes),
        kind("out_kind", node.output.kind),
    )
    return Struct("bnn_bconv2d_lookup_t", members)


def slice_weights(weights: np.ndarray) -> np.ndarray:
    """int8 +-1 (out_ch, kh, kw, in_ch) -> uint32 (out words, kh, kw, in_ch), bit c of a word for channel 32 g + c."""
    return np.moveaxis(pack_bits(np.moveaxis((weights > 0).astype(np.uint8), 0, -1)), -1, 0)


def _places(node: BConv2d, source: Tensor) -> Places:
    seen_h, seen_w = node.window.rows(source.shape[0]) != SKIP, node.window.cols(source.shape[1]) != SKIP
    out_h, out_w, _ = node.output.shape
    simple = node.thresholds is None or _numbers(node)
    thr_h = np.zeros(out_h, np.uint8) if simple or node.thresholds is None else node.thresholds.rows
    thr_w = np.zeros(out_w, np.uint8) if simple or node.thresholds is None else node.thresholds.cols
    rows, first_row = _number(np.column_stack([thr_h, seen_h]))
    cols, first_col = _number(np.column_stack([thr_w, seen_w]))
    return Places(rows, cols, seen_h[first_row], seen_w[first_col], thr_h[first_row], thr_w[first_col])


def _number(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal rows get equal numbers, in order of first appearance: (number of each row, first row of each number)."""
    seen: dict[bytes, int] = {}
    numbers = [seen.setdefault(key.tobytes(), len(seen)) for key in np.ascontiguousarray(keys.astype(np.uint8))]
    first = [numbers.index(i) for i in range(len(seen))]
    return np.array(numbers, np.int64), np.array(first)


def _start(node: BConv2d, places: Places, planes: int) -> tuple[np.ndarray, np.ndarray]:
    """Counters before the first tap, (row classes, col classes, out_ch), and the dot of an empty counter."""
    seen = places.seen_h.astype(np.int64)[:, None, :, None] * places.seen_w.astype(np.int64)[None, :, None, :]
    ones = (node.weights > 0).sum(axis=3).astype(np.int64)  # (out_ch, kh, kw): what an unseen tap would add
    extra = ones.sum(axis=(1, 2)) - np.einsum("ijyx,oyx->ijo", seen, ones)
    n = seen.sum(axis=(2, 3)) * node.weights.shape[3]
    if node.thresholds is None or _numbers(node):
        offset = int(extra.max())
        return offset - extra, n + 2 * offset
    thr = node.thresholds.thr[np.ix_(places.thr_h, places.thr_w)].astype(np.int64)
    most = np.floor_divide(n[:, :, None] - thr, 2)  # M
    most = np.where(most >= n[:, :, None], node.fan_in, most + extra)
    never = (np.floor_divide(n[:, :, None] - thr, 2) < 0) | (thr == NEVER)
    most = np.where(thr == ALWAYS, node.fan_in, np.where(never, -1, most))
    return (1 << (planes - 1)) - (most + 1), n
