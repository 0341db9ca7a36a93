# SPDX-License-Identifier: Apache-2.0
"""DeSign: a fixed dither tile of thresholds repeated over the map (arXiv 2405.02220)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from xnorc.errors import XnorcError
from xnorc.nn.binarizer import Binarizer
from xnorc.nn.surrogates import Surrogate
from xnorc.nn.tiles import tile as named_tile


class DeSign(Binarizer):
    """x -> +1 where x >= T[c mod F, y mod th, x mod tw], on batch-normalised maps, after any pooling.

    The surrogate's window moves with the threshold: its argument is x - T.  The phase starts at (0, 0) whatever
    the size of the map.

    Shape: x (N, C, H, W).

    Args:
        channels: C.
        surrogate: the paper's plain networks use `identity`, its residual ones `bireal`.
        tile: a name of `xnorc.nn.tiles`, or thresholds as an array, tensor or lists (th, tw) or (F, th, tw); what
            `search_tiles` finds are symbols, which `tiles.thresholds` turns into thresholds.
        scaled: thresholds are multiplied by the gamma of the batch norm ahead (the paper's residual networks);
            the unscaled form (its plain networks) subtracts T as it is.  Equal where gamma is 1.  The published
            residual code subtracts it from the batch norm's output, ahead of shortcut and Hardtanh, so that the
            shortcut carries it too; here it is compared where the bit is made.
        learned: the tile is a parameter, one per channel, starting at `tile` (an extension of the paper).

    Attributes:
        tile: (F, th, tw), a buffer, (C, th, tw) where F does not divide C; a parameter (C, th, tw) where `learned`.
    """

    name: ClassVar[str] = "design"
    spatial: ClassVar[bool] = True

    def __init__(
        self,
        channels: int,
        surrogate: str | Surrogate = "",
        *,
        tile: str | np.ndarray | Tensor | list[Any] = "2x2v1",
        scaled: bool = False,
        learned: bool = False,
    ) -> None:
        super().__init__(channels, surrogate)
        values = named_tile(tile) if isinstance(tile, str) else _numbers(tile)
        if values.ndim == 2:
            values = values[None]
        if not np.isfinite(values).all():
            raise XnorcError(
                "DeSign", f"{int((~np.isfinite(values)).sum())} thresholds that are no number", "finite ones"
            )
        if values.ndim != 3 or not values.size:
            raise XnorcError("DeSign", f"a tile of shape {values.shape}", "finite numbers, (th, tw) or (F, th, tw)")
        slices = torch.from_numpy(values)[torch.arange(channels) % len(values)]  # (C, th, tw)
        if not learned and channels % len(values) == 0:
            slices = slices[: len(values)].clone()
        self.scaled = scaled
        self._norm: tuple[nn.BatchNorm1d | nn.BatchNorm2d, ...] = ()  # in a tuple, so that the batch norm has one owner
        self.tile: Tensor
        if learned:
            self.tile = nn.Parameter(slices)
        else:
            self.register_buffer("tile", slices)

    def follow(self, norm: nn.BatchNorm2d | nn.BatchNorm1d | None) -> None:
        if self.scaled:
            if norm is None or not norm.affine:
                raise XnorcError("DeSign", "a gamma-scaled tile follows no batch norm with a gamma", "scaled=False")
            if norm.num_features != self.channels:
                raise XnorcError("DeSign", f"a batch norm of {norm.num_features} channels ahead of {self.channels}")
            self._norm = (norm,)

    def extra_repr(self) -> str:
        form = [
            word for word, yes in (("scaled", self.scaled), ("learned", isinstance(self.tile, nn.Parameter))) if yes
        ]
        size = "x".join(map(str, self.tile.shape[1:] if len(self.tile) == 1 else self.tile.shape))
        return ", ".join([super().extra_repr(), f"tile {size}", *form])

    def thresholds(self, h: int, w: int) -> Tensor:
        """(1, C, h, w): the threshold of every place of a map, gamma included."""
        slices, th, tw = self.tile.shape
        tiled = self.tile.repeat(self.channels // slices, -(-h // th), -(-w // tw))[None, :, :h, :w]
        if not self.scaled:
            return tiled
        if not self._norm:
            raise XnorcError("DeSign", "a gamma-scaled tile does not know its batch norm", "call follow(norm)")
        return tiled * self._norm[0].weight.reshape(1, -1, 1, 1)

    def reads(self, low: float, high: float) -> None:
        if self.scaled or isinstance(self.tile, nn.Parameter):
            return  # gamma or training may bring it back
        dead, of = int(((self.tile > high) | (self.tile <= low)).sum()), self.tile.numel()
        if dead:
            what = f"{dead} of {of} thresholds of the tile lie beyond the {low:g} to {high:g} of a Hardtanh"
            raise XnorcError("DeSign", what, 'activation="none", or a tile within that range')

    def forward(self, x: Tensor) -> Tensor:
        self.expect(x)
        return self.step(x - self.thresholds(x.shape[2], x.shape[3]))


def _numbers(tile: Any) -> np.ndarray:
    try:
        return np.array(tile.detach().cpu().numpy() if isinstance(tile, Tensor) else tile, np.float32)
    except (TypeError, ValueError):
        raise XnorcError("DeSign", f"the tile {tile!r}", "a name, or rows of numbers of one length") from None
