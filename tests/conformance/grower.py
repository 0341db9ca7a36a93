# SPDX-License-Identifier: Apache-2.0
"""A random program while it grows: what there is to read, and what verifies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.conformance.drawing import requant, thresholds
from xnorc.errors import ProgramError
from xnorc.program import Kind, Node, Tensor, Window

STREAMS = (Kind.I8, Kind.I16)


class Grower:
    """Adds nodes one by one; each reads tensors that exist, the newest most often."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([77, seed])
        side = (int(self.rng.integers(3, 9)), int(self.rng.integers(3, 9)))
        self.input = Tensor("x", (*side, int(self.rng.choice([1, 3]))), Kind.U8)
        self.tensors = [self.input]
        self.bounds = {"x": (0, 255)}
        self.nodes: list[Node] = []

    def pick(self, *kinds: Kind) -> Tensor | None:
        """A tensor of one of the kinds."""
        fitting = [t for t in self.tensors if t.kind in kinds]
        if not fitting:
            return None
        return fitting[-1] if self.rng.random() < 0.6 else fitting[int(self.rng.integers(len(fitting)))]

    def accept(self, node: Node) -> bool:
        """Append the node if it verifies."""
        known = {t.name: t for t in self.tensors}
        try:
            if min(node.output.shape) < 1:
                return False
            bounds = node.verify(tuple(known[n] for n in node.inputs), tuple(self.bounds[n] for n in node.inputs))
        except ProgramError:
            return False
        self.nodes.append(node)
        self.tensors.append(node.output)
        self.bounds[node.output.name] = bounds
        return True

    def output(self, shape: tuple[int, int, int], kind: Kind) -> Tensor:
        return Tensor(f"t{len(self.nodes)}", shape, kind)

    def window(self, x: Tensor, pool: bool = False) -> Window:
        rng = self.rng
        kh, kw = (int(rng.integers(1, 4)) for _ in range(2))
        pads = [0] * 4 if rng.random() < 0.4 else [int(rng.integers(0, k)) for k in (kh, kw, kh, kw)]
        mode = "skip" if pool else str(rng.choice(["skip", "constant", "replicate", "reflect"]))
        return Window(
            kh=kh, kw=kw, stride_h=int(rng.integers(1, 3)), stride_w=int(rng.integers(1, 3)),
            pad_top=pads[0], pad_left=pads[1], pad_bottom=pads[2], pad_right=pads[3],
            pad_mode=mode, pad_value=int(rng.integers(0, 2)),
        )  # fmt: skip

    def conv(
        self,
        cls: Callable[..., Node],
        x: Tensor,
        draw: Callable[..., np.ndarray],
        unit: int,
        wide: Kind,
        rescales: bool,
    ) -> bool:
        """A convolution of x to bits or to `wide` sums, some of which are rescaled where the node can.

        Args:
            draw: the values of a weight array of the given shape; `unit` is what one of them times an input comes to.
        """
        window = self.window(x)
        out_ch = int(self.rng.choice([4, 31, 32, 33, 64]))
        groups = 1 if self.rng.random() < 0.8 or x.shape[2] > 4 * out_ch else int(np.gcd(x.shape[2], out_ch))
        weights = draw(out_ch, window.kh, window.kw, x.shape[2] // groups).astype(np.int8)
        shape = (*window.out_hw(*x.shape[:2]), out_ch)
        if min(shape) < 1:
            return False
        bits = self.rng.random() < 0.7
        kind = Kind.BIT if bits else wide
        reach = max(1, weights[0].size * unit // 4)
        how = str(self.rng.choice(["random", "random", "interval", "tile", "extremes"]))
        thr = thresholds(how, shape, -reach, reach, self.rng) if bits else None
        more: dict[str, Any] = {}
        if rescales and not bits and self.rng.random() < 0.5:
            kind = Kind(str(self.rng.choice(["i8", "i16", "i16", "i32"])))
            how, shift = str(self.rng.choice(["channels", "alike", "clipped"])), int(self.rng.integers(16, 41))
            more["requant"] = requant(how, shift, 4 * reach, self.output(shape, kind), self.rng)
        return self.accept(
            cls(name="conv", inputs=(x.name,), output=self.output(shape, kind), weights=weights, window=window,
                groups=groups, thresholds=thr, **more)
        )  # fmt: skip

    def pool(self, cls: Callable[..., Node], kinds: tuple[Kind, ...], out: Kind | None, flips: bool = False) -> bool:
        """A pool of one of the kinds to `out`, or to its own kind; `flips`: the node turns some channels over."""
        if (x := self.pick(*kinds)) is None:
            return False
        window = self.window(x, pool=True)
        shape = (*window.out_hw(*x.shape[:2]), x.shape[2])
        more: dict[str, Any] = {}
        if flips:
            more["flip"] = self.rng.integers(0, 2, x.shape[2]).astype(bool)
        return self.accept(
            cls(name="pool", inputs=(x.name,), output=self.output(shape, out or x.kind), window=window, **more)
        )
