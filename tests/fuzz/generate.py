# SPDX-License-Identifier: Apache-2.0
"""A seed -> a recipe.

The generator knows what the value so far is: pixels, bits, sums (of a binary dot), or a real path.  It adds what an
author would add there, most of the time, and something odd now and then.  A layer that PyTorch refuses is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import kinds  # noqa: F401  (registers them)
from .recipe import Layer, NotANetwork, Recipe, Setting, Writer, layer
from .spellings import ACTIVATIONS, AHEAD, INEXACT, OTHER_VALUES, TILES, WEIGHTS

MOVES = (
    "contiguous", "shuffle", "pixel_view", "swap_halves", "split", "chunk", "flip_channels", "crop", "narrow",
    "every_second", "pick", "index_select", "stacked", "transpose", "repeat_channels",
)  # fmt: skip
ODD_MOVES = ("flip_rows", "roll", "rot90", "pixel_shuffle", "pixel_unshuffle", "nearest", "zero_pad", "zero_channels")
MONOTONE = (
    "hardtanh", "relu6", "leaky", "clip", "clip_min", "tanh", "sigmoid", "softsign", "elu", "softplus", "negate",
    "halve", "floor", "ceil", "round", "minimum", "masked", "masked_fill", "cube",
)  # fmt: skip
BENT = tuple(sorted(set(AHEAD) - set(MONOTONE)))
ON_STREAMS = ("hardtanh", "relu", "relu6", "leaky", "clip", "clip_min", "negate", "halve", "minimum")
NEVER_NEGATIVE = ("relu", "relu6")
BORDERS = ("zero", "zero", "zero", "same", "minus", "plus", "half", "replicate", "reflect", "asymmetric")
OURS = (
    ("rsign", ""), ("sign", ""), ("design", ""), ("design", ', tile="2x2"'), ("asd", ""), ("dysign", ""), ("lab", ""),
    ("lab", ', pad="zero"'), ("lab_pair", ""),
)  # fmt: skip
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 31, 32, 33, 36, 40)


def random_recipe(seed: int) -> Recipe:
    """Equal seeds give equal recipes."""
    return _Generator(seed).recipe()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([2026, seed])
        self.seed = seed
        self.layers: list[Layer] = []
        self.image: tuple[int, ...] = ()
        self.writer: Writer | None = None  # of `layers`; None: to be made anew

    # What the dice say.

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, of: Sequence[Any]) -> Any:
        return of[int(self.rng.integers(len(of)))]

    # Growing.

    @property
    def shape(self) -> tuple[int, ...]:
        if self.writer is None:
            self.writer = Writer(self.image)
            self.writer.rows(tuple(self.layers))
        return self.writer.shape

    def add(self, kind: str, *branches: tuple[Layer, ...], **settings: Setting) -> bool:
        """Append a layer if PyTorch takes it."""
        _ = self.shape
        self.layers.append(layer(kind, *branches, **settings))
        try:
            assert self.writer is not None
            self.writer.rows((self.layers[-1],))
            fits = int(np.prod(self.shape)) <= 4096
        except NotANetwork:
            fits = False
        if not fits:
            self.layers.pop()
            self.writer = None
        return fits

    def branch(self, grow: Any) -> tuple[Layer, ...]:
        """The layers that `grow` adds, as a branch that starts here."""
        start = len(self.layers)
        grow()
        made = tuple(self.layers[start:])
        del self.layers[start:]
        self.writer = None
        return made

    def recipe(self) -> Recipe:
        """Image, stem, body, head."""
        self.vector = self.chance(0.1)
        if self.vector:
            self.image = (int(self.rng.integers(3, 41)),)
        else:
            self.image = (
                int(self.pick([1, 1, 1, 2, 3, 3, 3, 4, 5, 8])),
                int(self.rng.integers(4, 11)),
                int(self.rng.integers(4, 11)),
            )
        channels = self.image[0]
        mean: tuple[float, ...] = ()
        std: tuple[float, ...] = ()
        if self.chance(0.4):
            many = 1 if self.vector else channels
            mean = tuple(round(float(v), 3) for v in self.rng.uniform(0.1, 0.9, many))
            std = tuple(round(float(v), 3) for v in self.rng.uniform(0.1, 0.5, many))
        self.tie = int(self.pick([0, 0, 0, 1, -1]))
        self.plain = self.chance(0.35)  # one spelling throughout
        self.binarizer = self.pick(list(ACTIVATIONS))
        self.weight = self.pick(list(WEIGHTS))
        self.norms = str(self.pick(["plain", "plain", "whole", "whole", "wild"]))
        if self.vector:
            self.dense()
        else:
            self.stem()
            for _ in range(int(self.pick([1, 1, 2, 2, 3, 4]))):
                self.body()
            self.head()
        return Recipe(
            image=self.image, layers=tuple(self.layers), seed=self.seed, norm=self.norms, mean=mean, std=std,
            tie=self.tie, weight_bits=int(self.pick([0, 0, 0, 8, 16])),
        )  # fmt: skip

    # Parts.

    def weights(self) -> str:
        spelling = self.weight if self.plain else self.pick(["where", "sign", self.weight, self.pick(list(WEIGHTS))])
        return "where_gt" if self.norms == "whole" and spelling in INEXACT else str(spelling)

    def conv(self, keep: bool = False, out: int = 0, stride: int = 0) -> bool:
        """A binary convolution; `keep`: the map keeps its size."""
        c, h, w = self.shape
        k = int(self.pick([1, 3, 3, 3, 2, 5]))
        if k > min(h, w):
            k = 1
        groups = int(self.pick([1, 1, 1, 1, 1, 0, 0, 2, 4]))
        if groups > 1 and c % groups:
            groups = 1
        out = out or int(self.pick(CHANNELS))
        if groups > 1:
            out = max(groups, out // groups * groups)
        weight = self.weights()
        if keep:
            k = int(self.pick([1, 3, 3])) if min(h, w) >= 3 else 1
            border = str(self.pick(BORDERS[1:-1]))
            return self.add(
                "conv", out=out, k=k, pad=k // 2, border=border, groups=groups, weight=weight, stride=stride or 1
            )
        border = str(self.pick(BORDERS)) if self.chance(0.98) else "circular"  # no kernel does that yet
        made = self.add(
            "conv", out=out, k=k, k2=int(self.pick([0, 0, 0, 0, 1, 2, 3])), stride=int(self.pick([1, 1, 1, 2, 3])),
            pad=int(self.rng.integers(0, k)) if k > 1 else 0, border=border,
            dilation=int(self.pick([1, 1, 1, 1, 2])), groups=groups, weight=weight, bias=self.chance(0.2),
        )  # fmt: skip
        return made or self.add("conv", out=out, k=1, weight="where")

    def norm(self) -> None:
        if self.chance(0.85):
            self.add("norm", how="batch_norm", affine=not self.chance(0.08))
        else:
            self.add("norm", how=str(self.pick(["scale_shift", "shift"])))

    def to_bits(self, pools: bool = True, pm1: bool = False) -> None:
        """From sums or a real path to bits, with what may stand in between."""
        spatial = len(self.shape) == 3
        if spatial and pools and self.chance(0.25):
            self.max_pool()
        if self.chance(0.9):
            self.norm()
        for _ in range(2):
            if self.chance(0.3):
                r = self.rng.random()
                if r < 0.45:
                    self.add("ahead", spelling=str(self.pick(MONOTONE)))
                elif r < 0.6:
                    self.add("ahead", spelling=str(self.pick(BENT)))
                elif r < 0.85:
                    slopes = str(self.pick(["0.25", "-0.5", "channel", "channel"]))
                    self.add(
                        "prelu", slopes=slopes, spelling=str(self.pick(["module", "module", "two_relus", "where"]))
                    )
                else:
                    self.add("rprelu", spread=float(self.pick([0.25, 0.8])))
        if spatial and pools and self.chance(0.1):
            self.max_pool()
        if spatial and self.chance(0.15):
            self.add(
                "dither", spelling=str(self.pick(list(TILES))), rows=int(self.rng.integers(1, 4)),
                cols=int(self.rng.integers(1, 4)), slices=int(self.pick([1, 1, 2, 4])), whole=self.norms == "whole",
            )  # fmt: skip
        self.binarize(pm1)
        if spatial and pools and self.chance(0.15):
            self.max_pool()

    def binarize(self, pm1: bool = False) -> None:
        spatial = len(self.shape) == 3
        if spatial and not pm1 and self.chance(0.08):
            name, option = self.pick(OURS)
            if self.add("nn_binarizer", name=name, option=option):
                return
        ahead = (
            dict(self.layers[-1].settings).get("spelling") if self.layers and self.layers[-1].kind == "ahead" else ""
        )
        spelling = str(self.binarizer if self.plain else self.pick(list(ACTIVATIONS)))
        if self.norms == "whole" and spelling in INEXACT:  # its last bit, not the network, would say what 0 is
            spelling = "where_gt"
        rare = spelling == "two_per_channel" and self.chance(0.7)  # refused but ahead of a sum or a linear layer
        if rare or (pm1 and spelling in OTHER_VALUES):
            spelling = "where_ge"
        threshold = "0" if self.chance(0.7) else str(self.pick(["channel", "whole", "0.25", "-0.4", "0.6"]))
        if ahead in NEVER_NEGATIVE and self.chance(0.9):
            threshold = str(self.pick(["0.25", "0.6"]))
        self.add("binarize", spelling=spelling, threshold=threshold)

    def max_pool(self) -> None:
        _, h, w = self.shape
        if min(h, w) < 2:
            return
        k = int(self.pick([2, 2, 2, 3]))
        settings: dict[str, Any] = {"k": k, "stride": int(self.pick([0, 0, 1, 2])), "ceil": self.chance(0.3)}
        if self.chance(0.3):
            settings["pad"] = 1
        if self.chance(0.05):
            settings["dilation"] = 2
        self.add("max_pool", **settings)

    def move(self) -> None:
        self.add("move", spelling=str(self.pick(MOVES if self.chance(0.9) else ODD_MOVES)))

    def stem(self) -> None:
        """From pixels to bits, or to a real path."""
        r = self.rng.random()
        self.real = False
        if r < 0.6:
            self.conv()
            self.to_bits()
        elif r < 0.78:
            k = int(self.pick([1, 3, 3, 5]))
            self.add(
                "real_conv", out=int(self.pick(CHANNELS)), k=k, stride=int(self.pick([1, 1, 2])), pad=k // 2,
                mode=str(self.pick(["zeros", "zeros", "replicate"])),
            )  # fmt: skip
            if self.chance(0.5):
                self.norm()
                self.real = True
            else:
                self.to_bits()
        elif r < 0.86:
            self.add("nn_stem", out=int(self.pick(CHANNELS)), weight=str(self.pick(["int8", "sign"])))
            if self.chance(0.5):
                self.norm()
                self.real = True
            else:
                self.to_bits()
        elif r < 0.93:
            self.add("binarize", spelling="where_ge", threshold=str(self.pick(["0.5", "0.25", "channel"])))
        else:
            self.conv()
            self.norm()
            self.real = True

    def body(self) -> None:
        if self.real:
            self.real_block()
        else:
            self.bit_block()

    def bit_block(self) -> None:
        """Bits to bits, or to a real path."""
        if self.chance(0.15):
            self.move()
        r = self.rng.random()
        if r < 0.6:
            self.conv()
            self.to_bits()
        elif r < 0.7:  # an integer residual
            c = self.shape[0]
            main = self.branch(lambda: self.conv(keep=True, out=c))
            side = self.branch(lambda: self.conv(keep=True, out=c)) if self.chance(0.3) else ()
            self.add(
                "residual", main, side, sign=str(self.pick(["+", "+", "-"])), factor=float(self.pick([1.0, 1.0, 3.0]))
            )
            self.to_bits()
        elif r < 0.8:
            self.join(self.small_block)
        elif r < 0.87:
            self.conv()
            self.norm()
            self.real = True
        elif r < 0.93:
            self.add("avg_pool", k=2)
            self.to_bits()
        else:  # the bits themselves, summed with what is made of them
            c = self.shape[0]
            main = self.branch(lambda: self.normed_conv(c))
            self.add("residual", main, ())
            self.real = True

    def small_block(self) -> None:
        """Bits to bits on a map of the same size."""
        self.conv(keep=True)
        self.to_bits(pools=False, pm1=self.chance(0.9))

    def normed_conv(self, out: int) -> None:
        """Bits to a real path of the same size."""
        self.conv(keep=True, out=out)
        self.norm()

    def join(self, grow: Any) -> None:
        """Branches side by side."""
        first = self.branch(grow)
        second = () if self.chance(0.4) else self.branch(grow)
        if self.chance(0.25):
            c = self.shape[0]
            half = self.branch(lambda: (self.add("move", spelling="chunk"), grow()))[1:]
            self.add("halves", half if c > 1 else first, (), spelling=str(self.pick(["chunk", "split"])))
            if self.chance(0.5):
                self.add("move", spelling="shuffle")
        else:
            self.add("concat", first, second, spelling=str(self.pick(["cat", "concat"])))

    def real_block(self) -> None:
        """A residual block, or something on the real path, or its end."""
        r = self.rng.random()
        c, h, w = self.shape
        if r < 0.5:
            down = self.chance(0.3) and min(h, w) >= 4 and h % 2 == w % 2 == 0
            out = int(self.pick(CHANNELS)) if self.chance(0.3) else c

            def main() -> None:
                if self.chance(0.3):
                    self.norm()
                self.binarize()
                self.add(
                    "conv", out=out, k=3 if min(h, w) >= 3 else 1, pad=1 if min(h, w) >= 3 else 0,
                    stride=2 if down else 1, weight=self.weights(),
                )  # fmt: skip
                self.norm()

            def side() -> None:
                if down:
                    how = self.pick(["avg_pool", "max_pool", "every_second", "conv", "adaptive"])
                    if how == "every_second":
                        self.add("move", spelling="every_second")
                    elif how == "conv":
                        self.add("real_conv", out=out, k=1, stride=2)
                        self.norm()
                        return
                    elif how == "adaptive":
                        self.add("adaptive_pool", how=str(self.pick(["avg", "avg", "max"])), size=h // 2)
                    else:
                        self.add(str(how), k=2)
                if out == 2 * c and self.chance(0.5):
                    self.add("move", spelling="repeat_channels")
                elif out == c + 3:
                    self.add("move", spelling="zero_channels")
                elif out != c:
                    self.add("real_conv", out=out, k=1)
                    self.norm()

            first, second = self.branch(main), self.branch(side)
            if self.chance(0.1):  # a sum of two pools
                first = self.branch(lambda: self.add("avg_pool", k=2))
                second = self.branch(lambda: self.add("max_pool", k=2))
            self.add("residual", first, second, sign="+" if self.chance(0.9) else "-")
            if self.chance(0.4):
                self.bend()
        elif r < 0.6:
            self.bend()
        elif r < 0.7:
            self.pool_real()
        elif r < 0.76:
            self.move()
        else:
            self.to_bits()
            self.real = False

    def bend(self) -> None:
        r = self.rng.random()
        if r < 0.4:
            self.add("ahead", spelling=str(self.pick(ON_STREAMS)))
        elif r < 0.7:
            self.add("rprelu", spread=float(self.pick([0.25, 0.5])))
        elif r < 0.9:
            slopes = str(self.pick(["0.25", "channel"]))
            self.add("prelu", slopes=slopes, spelling=str(self.pick(["module", "two_relus", "where"])))
        else:
            self.add("ahead", spelling=str(self.pick(list(AHEAD))))

    def pool_real(self) -> None:
        if self.chance(0.4):
            self.max_pool()
        elif self.chance(0.7):
            self.add(
                "avg_pool", k=int(self.pick([2, 2, 3])), stride=int(self.pick([0, 0, 1, 2])),
                pad=int(self.pick([0, 0, 1])), ceil=self.chance(0.3), counted=self.chance(0.7),
            )  # fmt: skip
        else:
            self.add("adaptive_pool", how=str(self.pick(["avg", "max"])), size=int(self.pick([1, 2, 3])))

    def dense(self) -> None:
        """A network on vectors."""
        for _ in range(int(self.rng.integers(1, 4))):
            if not self.layers and self.chance(0.3):
                self.add("real_linear", out=int(self.pick(CHANNELS)))
            else:
                self.add("linear", out=int(self.pick(CHANNELS)), weight=self.weights(), bias=self.chance(0.3))
            self.to_bits()
        self.real = False
        self.classify()

    def head(self) -> None:
        """From a map to logits."""
        classes = int(self.pick([2, 3, 5, 10]))
        r = self.rng.random()
        if r < 0.35:
            self.add("flatten", spelling=str(self.pick(["flatten", "view", "reshape", "rearranged", "keras"])))
            if self.real and self.chance(0.6):
                self.to_bits()
                self.real = False
        elif r < 0.6:
            pools = ["mean", "sum", "flat_mean", "adaptive", "whole_window", "two_means", "max", "amax"]
            self.add("global_pool", spelling=str(self.pick(pools if self.chance(0.3) else pools[:5])))
            self.real = True
        elif r < 0.75:
            if self.real:
                self.to_bits()
            self.add("conv", out=classes, k=1, weight=self.weights())
            if self.chance(0.4):
                self.norm()
            self.add("global_pool", spelling=str(self.pick(["mean", "sum", "adaptive"])))
            self.end()
            return
        elif r < 0.85:
            self.add("real_conv", out=classes, k=1)
            self.add("global_pool", spelling="mean")
            self.end()
            return
        else:
            h = self.shape[1]
            if self.real:
                self.to_bits(pools=False)
            if not self.add("conv", out=classes, k=h, k2=self.shape[2], weight=self.weights()):
                self.add("conv", out=classes, k=1)
            self.add("flatten")
            self.end()
            return
        self.classify(classes)

    def classify(self, classes: int = 5) -> None:
        """From a vector to logits."""
        if not self.real and self.chance(0.3):
            self.add("linear", out=int(self.pick(CHANNELS)), weight=self.weights())
            self.to_bits()
        if self.real or self.chance(0.35):
            self.add("real_linear", out=classes, bias=self.chance(0.7))
        else:
            self.add("linear", out=classes, weight=self.weights(), bias=self.chance(0.2))
        if self.chance(0.3):
            self.norm()
        self.end()

    def end(self) -> None:
        r = self.rng.random()
        if r < 0.15:
            self.add("scale", by=float(self.pick([0.125, 3.0, 0.05])))
        elif r < 0.35:
            self.add("softmax", spelling=str(self.pick(["log_softmax", "softmax"])))
        elif r < 0.36:
            self.add("softmax", spelling="sigmoid")
