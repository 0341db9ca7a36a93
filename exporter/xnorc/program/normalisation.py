# SPDX-License-Identifier: Apache-2.0
"""What the network was told about its images: the numbers that are folded into the program's first layer.

The program itself takes uint8 pixels. But a network that was trained on (x / 255 - mean) / std and exported without
them runs, and is wrong: so the program remembers what was folded in, and data that carry other numbers are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xnorc.errors import DataError

CLOSE = 1e-5  # relative: numbers that were typed with five digits are the same


@dataclass(frozen=True)
class Normalisation:
    """The network sees (x / 255 - mean) / std.

    Attributes:
        mean, std: one number, or one a channel.  (0,) and (1,): the network sees x / 255.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def check(self, mean: tuple[float, ...] | None, std: tuple[float, ...] | None, where: str) -> None:
        """Refuse data that carry another normalisation; data that carry none (None) say nothing.

        Raises:
            DataError: `where` names the data.
        """
        if mean is None or std is None or (_close(mean, self.mean) and _close(std, self.std)):
            return
        hint = "export it again with this --data, or with --mean and --std; or take mean and std out of the file"
        what = f"goes with {_words(mean, std)}, but the program was exported for {_words(self.mean, self.std)}"
        raise DataError(where, what, hint)


def _close(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    if len(one) != len(other) and 1 not in (len(one), len(other)):
        return False
    return bool(np.allclose(one, other, rtol=CLOSE, atol=CLOSE))


def _words(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    if set(mean) == {0.0} and set(std) == {1.0}:
        return "plain x / 255"
    numbers = [", ".join(f"{value:.4g}" for value in values) for values in (mean, std)]
    return f"mean {numbers[0]} and std {numbers[1]}"
