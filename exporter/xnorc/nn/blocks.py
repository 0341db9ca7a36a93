# SPDX-License-Identifier: Apache-2.0
"""Blocks that several reference networks share: the plain layer, and the residual unit with one convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from xnorc.errors import XnorcError
from xnorc.nn.ends import Stem
from xnorc.nn.network import Network

SHORTCUTS = ("slice", "pool", "conv")


def plain(network: Network, in_ch: int, out_ch: int, *, pool: bool = False, pad: int | None = None) -> nn.Sequential:
    """conv3x3 - [max pool 2x2] - batch norm - [activation] - binarize; (N, in_ch, H, W) -> bits.

    The pool comes ahead of the batch norm, on integer sums, as in BinaryNet, FINN, DeSign and SD-BNN.
    """
    norm = network.norm(out_ch)
    pools = [nn.MaxPool2d(2)] if pool else []
    conv = network.conv(in_ch, out_ch, 3, pad=pad)
    return nn.Sequential(conv, *pools, norm, network.activate(out_ch), network.binarize(out_ch, norm))


def first(network: Network, out_ch: int, *, pool: bool = False, pad: int = 1) -> nn.Sequential:
    """The same with pixels for input and weights as `Stem` has them."""
    conv, norm = network.stem(out_ch, pad=pad)
    assert isinstance(norm, nn.BatchNorm2d)
    pools = [nn.MaxPool2d(2)] if pool else []
    return nn.Sequential(conv, *pools, norm, network.activate(out_ch), network.binarize(out_ch, norm))


def dense(network: Network, in_features: int, out_features: int) -> nn.Sequential:
    """linear - batch norm - sign; (N, in_features) -> bits."""
    return nn.Sequential(
        network.linear(in_features, out_features),
        network.flat_norm(out_features),
        network.binarize(out_features, flat=True),
    )


class ResidualUnit(nn.Module):
    """activate(batch norm(conv3x3(binarize(x))) + shortcut(x)): one shortcut around every convolution.

    Bi-Real Net, arXiv 1808.00278 section 3.2; SD-BNN's ResNet-20, arXiv 2103.02394.

    Shape: x (N, in_ch, H, W) -> (N, out_ch, H / stride, W / stride).

    Args:
        network: supplies binarizer, convolution and activation.
        ahead: the batch norm of the layer before, for a gamma-scaled binarizer.
        in_ch, out_ch, stride: geometry.
        shortcut: used where the shape changes, see `Shortcut`.
    """

    def __init__(
        self, network: Network, ahead: nn.BatchNorm2d, in_ch: int, out_ch: int, stride: int, shortcut: str
    ) -> None:
        super().__init__()
        self.binarize = network.binarize(in_ch, ahead)
        self.conv = network.conv(in_ch, out_ch, 3, stride=stride)
        self.norm = network.norm(out_ch)
        same = stride == 1 and in_ch == out_ch
        self.shortcut = nn.Identity() if same else Shortcut(in_ch, out_ch, stride, shortcut)
        self.activate = network.activate(out_ch)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activate(self.norm(self.conv(self.binarize(x))) + self.shortcut(x))
        return out


class Shortcut(nn.Module):
    """A shortcut that changes shape.

    Shape: x (N, in_ch, H, W) -> (N, out_ch, H / stride, W / stride), H and W rounded up for `slice`.

    Args:
        in_ch, out_ch, stride: geometry.
        kind: `slice`: every stride-th pixel, new channels zero, half on each side (ResNet option A);
            `pool`: average pool, then likewise; `conv`: average pool, int8 convolution 1x1, batch norm (Bi-Real).
    """

    def __init__(self, in_ch: int, out_ch: int, stride: int, kind: str) -> None:
        super().__init__()
        if kind not in SHORTCUTS:
            raise XnorcError("shortcut", f"there is none called {kind!r}", f"one of {', '.join(SHORTCUTS)}")
        self.kind, self.stride = kind, stride
        self.before = (out_ch - in_ch) // 2
        self.after = out_ch - in_ch - self.before
        self.project = Stem(in_ch, out_ch, 1, pad=0) if kind == "conv" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = (
                x[:, :, :: self.stride, :: self.stride]
                if self.kind == "slice"
                else functional.avg_pool2d(x, self.stride)
            )
        if self.kind == "conv":
            out: Tensor = self.project(x)
            return out
        return functional.pad(x, (0, 0, 0, 0, self.before, self.after)) if self.before or self.after else x


def residual_stages(network: Network, stem: Stem, widths: list[int], units: int, shortcut: str) -> nn.Sequential:
    """`units` residual units of each width; the first of every stage but the first has stride 2."""
    norm, before = stem[1], widths[0]
    made: list[nn.Module] = []
    for stage, channels in enumerate(widths):
        for number in range(units):
            assert isinstance(norm, nn.BatchNorm2d)
            unit = ResidualUnit(network, norm, before, channels, 2 if stage and not number else 1, shortcut)
            made.append(unit)
            norm, before = unit.norm, channels
    return nn.Sequential(*made)
