# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (an expression a line)
"""The kinds of layers: each writes what an author would write.  Settings default to the simplest form."""

from __future__ import annotations

import math

from .recipe import Layer, NotANetwork, Writer, kind
from .spellings import ACTIVATIONS, AHEAD, FUNCTIONS, TILES, WEIGHTS

Branches = tuple[tuple[Layer, ...], ...]


def _functions(w: Writer, text: str) -> None:
    for name, code in FUNCTIONS.items():
        if name in text:
            w.need(code)


def _binary_weight(w: Writer, spelling: str, shape: tuple[int, ...]) -> str:
    if math.prod(shape[1:]) == 1 and spelling in ("centred", "standardised"):
        raise NotANetwork("one weight less its mean is 0")
    latent = w.attribute("w", f"nn.Parameter(torch.randn{shape})")
    text = WEIGHTS[spelling]
    fill = {"w": latent, "dims": tuple(range(1, len(shape)))}
    one = (shape[0], *[1] * (len(shape) - 1))
    if "{a}" in text:
        fill["a"] = w.attribute("a", f"nn.Parameter(torch.randn{one})")
    if "{b}" in text:
        fill["b"] = w.attribute("b", f"nn.Parameter(torch.randn{one})")
    text = text.format(**fill)
    _functions(w, text)
    return text


def _groups(w: Writer, groups: int, out: int) -> tuple[int, int]:
    """(groups, outputs): 0 groups stands for depthwise."""
    if groups == 0:
        return w.channels, max(1, round(out / w.channels)) * w.channels
    return groups, out


@kind
def conv(
    w: Writer,
    out: int = 1,
    k: int = 1,
    k2: int = 0,
    stride: int = 1,
    pad: int = 0,
    border: str = "zero",
    dilation: int = 1,
    groups: int = 1,
    weight: str = "where",
    bias: bool = False,
) -> None:
    """A convolution with binary weights.  `border`: how it is padded."""
    groups, out = _groups(w, groups, out)
    if w.channels % groups:
        raise NotANetwork("groups")
    shape = (out, w.channels // groups, k, k2 or k)
    text = _binary_weight(w, weight, shape)
    added = w.attribute("bias", f"nn.Parameter(torch.randn({out}))") if bias else "None"
    around: int | str = 0
    if border == "same":
        around = '"same"'
    elif border == "zero":
        around = pad
    elif border == "asymmetric":
        w.line(f"x = F.pad(x, ({pad}, 0, {pad}, {pad + 1}))")
    elif border in ("minus", "plus", "half"):
        value = {"minus": -1.0, "plus": 1.0, "half": 0.5}[border]
        w.line(f"x = F.pad(x, ({pad},) * 4, value={value})")
    elif pad:
        w.line(f'x = F.pad(x, ({pad},) * 4, mode="{border}")')
    w.line(f"x = F.conv2d(x, {text}, {added}, {stride}, {around}, {dilation}, {groups})")


@kind
def linear(w: Writer, out: int = 1, weight: str = "where", bias: bool = False) -> None:
    """A linear layer with binary weights, on a vector."""
    if len(w.shape) != 1:
        raise NotANetwork("a map")
    text = _binary_weight(w, weight, (out, w.channels))
    added = w.attribute("bias", f"nn.Parameter(torch.randn({out}))") if bias else "None"
    w.line(f"x = F.linear(x, {text}, {added})")


@kind
def real_conv(
    w: Writer, out: int = 1, k: int = 1, stride: int = 1, pad: int = 0, groups: int = 1, mode: str = "zeros"
) -> None:
    """A convolution with real weights: a stem, a shortcut."""
    groups, out = _groups(w, groups, out)
    module = f'nn.Conv2d({w.channels}, {out}, {k}, {stride}, {pad}, groups={groups}, padding_mode="{mode}")'
    w.line(f"x = {w.attribute('conv', module)}(x)")


@kind
def real_linear(w: Writer, out: int = 1, bias: bool = True) -> None:
    if len(w.shape) != 1:
        raise NotANetwork("a map")
    w.line(f"x = {w.attribute('fc', f'nn.Linear({w.channels}, {out}, bias={bias})')}(x)")


@kind
def nn_stem(w: Writer, out: int = 1, k: int = 3, weight: str = "int8") -> None:
    """xnorc.nn's first layer."""
    w.need("from xnorc.nn import Stem")
    w.line(f"x = {w.attribute('stem', f'Stem({w.channels}, {out}, {k}, weight={weight!r})')}(x)")


@kind
def norm(w: Writer, how: str = "batch_norm", affine: bool = True) -> None:
    c = w.channels
    if how == "batch_norm":
        module = f"nn.BatchNorm{'2d' if len(w.shape) == 3 else '1d'}({c}{'' if affine else ', affine=False'})"
        w.line(f"x = {w.attribute('norm', module)}(x)")
    elif how == "scale_shift":
        a = w.attribute("a", f"nn.Parameter(torch.randn({w.per_channel}))")
        b = w.attribute("b", f"nn.Parameter(torch.randn({w.per_channel}))")
        w.line(f"x = x * {a} + {b}")
    elif how == "shift":
        b = w.attribute("b", f"nn.Parameter(torch.randn({w.per_channel}))")
        w.line(f"x = x + {b}")
    else:
        raise KeyError(how)


@kind
def binarize(w: Writer, spelling: str = "where_ge", threshold: str = "0") -> None:
    """An activation to one bit.  threshold: 0, a number, or `channel`, `whole` (integers, one a channel)."""
    text, t = ACTIVATIONS[spelling], threshold
    if threshold == "channel":
        t = w.attribute("t", f"nn.Parameter(0.5 * torch.randn({w.per_channel}))")
    elif threshold == "whole":
        t = w.attribute("t", f"nn.Parameter(torch.randn({w.per_channel}).round())")
    fill = {"t": t}
    if "{high}" in text:
        fill["high"] = w.attribute("high", f"nn.Parameter(torch.rand({w.per_channel}) + 0.5)")
        fill["low"] = w.attribute("low", f"nn.Parameter(-torch.rand({w.per_channel}))")
    text = text.format(**fill)
    _functions(w, text)
    w.line(f"x = {text}")


@kind
def dither(
    w: Writer, spelling: str = "repeat", rows: int = 1, cols: int = 1, slices: int = 1, whole: bool = False
) -> None:
    """A threshold that repeats over the map."""
    c, h, width = w.shape
    values = f"torch.randn(1, {slices}, {rows}, {cols})" + (".round() * 2" if whole else "")
    fill = {
        "x": "x", "tile": w.buffer("tile", values), "c": c, "h": h, "w": width, "z": slices, "th": rows, "tw": cols,
        "slices": math.ceil(c / slices), "rows": math.ceil(h / rows), "cols": math.ceil(width / cols),
    }  # fmt: skip
    w.line(f"x = {TILES[spelling].format(**fill)}")


@kind
def ahead(w: Writer, spelling: str = "hardtanh") -> None:
    """A function ahead of a binarizer, or on a real path."""
    w.line(f"x = {AHEAD[spelling]}")


@kind
def prelu(w: Writer, slopes: str = "0.25", spelling: str = "module") -> None:
    """slopes: a number, or `channel` (both signs, above 1 too)."""
    count, many = (w.channels, "1.2 * torch.randn") if slopes == "channel" else (1, "")
    if spelling == "module":
        name = w.attribute("prelu", f"nn.PReLU({count}, init={slopes if not many else 0.25})")
        if many:
            w.init.append(f"{name}.weight.data = {many}({count})")
        w.line(f"x = {name}(x)")
        return
    slope = w.attribute("slope", f"nn.Parameter({many}({w.per_channel}))") if many else slopes
    w.line(
        f"x = F.relu(x) - {slope} * F.relu(-x)"
        if spelling == "two_relus"
        else f"x = torch.where(x > 0, x, {slope} * x)"
    )


@kind
def rprelu(w: Writer, spread: float = 0.25) -> None:
    """ReActNet's: shift, PReLU, shift."""
    before = w.attribute("before", f"nn.Parameter(0.3 * torch.randn({w.per_channel}))")
    after = w.attribute("after", f"nn.Parameter(0.3 * torch.randn({w.per_channel}))")
    name = w.attribute("prelu", f"nn.PReLU({w.channels})")
    w.init.append(f"{name}.weight.data = 0.25 + {spread} * torch.randn({w.channels})")
    w.line(f"x = {name}(x - {before}) + {after}")


@kind
def nn_binarizer(w: Writer, name: str = "sign", option: str = "") -> None:
    """One of xnorc.nn's, parameters away from where they start."""
    w.need("from xnorc.nn import make_binarizer")
    made = w.attribute("bin", f'make_binarizer("{name}", {w.channels}{option})')
    w.init.append(f"for p in {made}.parameters(): p.data += 0.3 * torch.randn(p.shape)")
    w.line(f"x = {made}(x)")


@kind
def max_pool(w: Writer, k: int = 2, stride: int = 0, pad: int = 0, ceil: bool = False, dilation: int = 1) -> None:
    w.line(f"x = F.max_pool2d(x, {k}, {stride or k}, {pad}, {dilation}, ceil_mode={ceil})")


@kind
def avg_pool(w: Writer, k: int = 2, stride: int = 0, pad: int = 0, ceil: bool = False, counted: bool = True) -> None:
    w.line(f"x = F.avg_pool2d(x, {k}, {stride or k}, {pad}, ceil_mode={ceil}, count_include_pad={counted})")


@kind
def adaptive_pool(w: Writer, how: str = "avg", size: int = 1) -> None:
    w.line(f"x = F.adaptive_{how}_pool2d(x, {size})")


@kind
def global_pool(w: Writer, spelling: str = "mean") -> None:
    """A map to a vector."""
    text = {
        "mean": "x.mean(dim=(2, 3))",
        "sum": "x.sum(dim=(2, 3))",
        "flat_mean": "x.flatten(2).mean(-1)",
        "adaptive": "F.adaptive_avg_pool2d(x, 1).flatten(1)",
        "max": "F.adaptive_max_pool2d(x, 1).flatten(1)",
        "amax": "x.amax(dim=(2, 3))",
        "whole_window": "F.avg_pool2d(x, (x.shape[2], x.shape[3])).view(x.shape[0], -1)",
        "two_means": "x.mean(3).mean(2)",
    }[spelling]
    w.line(f"x = {text}")


@kind
def flatten(w: Writer, spelling: str = "flatten") -> None:
    text = {
        "flatten": "torch.flatten(x, 1)",
        "view": "x.view(x.size(0), -1)",
        "reshape": f"x.reshape(-1, {math.prod(w.shape)})",
        "rearranged": "x.permute(0, 2, 3, 1).flatten(1)",
        "keras": "x.permute(0, 2, 3, 1).contiguous().view(x.shape[0], -1)",
    }[spelling]
    w.line(f"x = {text}")


@kind
def move(w: Writer, spelling: str = "contiguous") -> None:
    """Elements of a map moved about."""
    c = w.channels
    text = {
        "contiguous": "x.contiguous()",
        "shuffle": f"x.view(x.shape[0], {2 if c % 2 == 0 else c}, -1, x.shape[2], x.shape[3]).transpose(1, 2).reshape(x.shape)",
        "pixel_view": "x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)",
        "swap_halves": f"torch.cat([x[:, {c // 2}:], x[:, :{c // 2}]], 1)",
        "split": f"torch.split(x, [{c - c // 2}, {c // 2}], 1)[0]" if c > 1 else "x",
        "chunk": "torch.chunk(x, 2, dim=1)[-1]",
        "flip_channels": "x.flip(1)",
        "flip_rows": "x.flip(2)",
        "transpose": "x.transpose(2, 3)",
        "crop": "x[:, :, 1:, :-1]",
        "narrow": "x.narrow(2, 0, x.shape[2] - 1)",
        "every_second": "x[:, :, ::2, ::2]",
        "pick": f"x[:, {[c - 1 - i for i in range(c)][: max(1, c - 1)]}]",
        "roll": "torch.roll(x, 1, dims=3)",
        "index_select": f"torch.index_select(x, 1, torch.arange({c - 1}, -1, -1))",
        "stacked": "torch.stack(x.unbind(1), 1)",
        "rot90": "torch.rot90(x, 1, (2, 3))",
        "pixel_shuffle": "F.pixel_shuffle(x, 2)",
        "pixel_unshuffle": "F.pixel_unshuffle(x, 2)",
        "repeat_channels": "x.repeat(1, 2, 1, 1)",
        "nearest": "F.interpolate(x, scale_factor=2.0)",
        "zero_pad": "F.pad(x, (1, 0, 0, 1))",
        "zero_channels": "F.pad(x, (0, 0, 0, 0, 1, 2))",
    }[spelling]
    w.line(f"x = {text}")


@kind
def scale(w: Writer, by: float = 2.0) -> None:
    w.line(f"x = x * {by}")


@kind
def residual(w: Writer, branches: Branches = ((), ()), sign: str = "+", factor: float = 1.0) -> None:
    """main branch + factor * side branch; an empty branch is the identity."""
    start, main = w.variable("start"), w.variable("main")
    w.line(f"{start} = x")
    w.rows(branches[0])
    w.line(f"{main} = x")
    w.line(f"x = {start}")
    w.rows(branches[1])
    w.line(f"x = {main} {sign} {'' if factor == 1.0 else f'{factor} * '}x")


@kind
def concat(w: Writer, branches: Branches = ((), ()), spelling: str = "cat") -> None:
    """Branches side by side along the channels."""
    start, parts = w.variable("start"), []
    w.line(f"{start} = x")
    for branch in branches:
        w.line(f"x = {start}")
        w.rows(branch)
        parts.append(w.variable("part"))
        w.line(f"{parts[-1]} = x")
    w.line(f"x = torch.{spelling}([{', '.join(parts)}], dim=1)")


@kind
def halves(w: Writer, branches: Branches = ((), ()), spelling: str = "chunk") -> None:
    """Channels split in two, a branch for each half, joined again: ShuffleNet's unit."""
    c = w.channels
    if c < 2:
        raise NotANetwork("one channel")
    first, second, done = w.variable("first"), w.variable("second"), w.variable("done")
    text = {"chunk": "x.chunk(2, dim=1)", "split": f"torch.split(x, [{c - c // 2}, {c // 2}], dim=1)"}[spelling]
    w.line(f"{first}, {second} = {text}")
    w.line(f"x = {first}")
    w.rows(branches[0])
    w.line(f"{done} = x")
    w.line(f"x = {second}")
    w.rows(branches[1])
    w.line(f"x = torch.cat([{done}, x], 1)")


@kind
def softmax(w: Writer, spelling: str = "log_softmax") -> None:
    text = {"log_softmax": "F.log_softmax(x, dim=1)", "softmax": "torch.softmax(x, -1)", "sigmoid": "torch.sigmoid(x)"}
    w.line(f"x = {text[spelling]}")
