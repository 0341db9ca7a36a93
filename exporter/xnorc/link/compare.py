# SPDX-License-Identifier: Apache-2.0
"""Is the device the program, bit for bit?  Where it is not: the first differing (tensor, y, x, channel)."""

from __future__ import annotations

import numpy as np

from xnorc.errors import XnorcError
from xnorc.link.client import Client
from xnorc.program import Program, Tensor


class MismatchError(XnorcError):
    """The device and the integer program disagree."""


def difference(tensor: Tensor, expected: np.ndarray, raw: bytes) -> str | None:
    """What differs first between `expected` (h, w, ch) and the device's bytes of `tensor`; None where nothing does."""
    if raw == tensor.pack(expected):
        return None
    if len(raw) != tensor.nbytes:
        return f"{tensor.name}: {len(raw)} bytes instead of {tensor.nbytes}"
    got, expected = tensor.unpack(raw), np.asarray(expected).reshape(tensor.shape)
    wrong = np.argwhere(got != expected)
    if not len(wrong):
        return f"{tensor.name}: unused tail bits are not 0"
    y, x, channel = (int(i) for i in wrong[0])
    values = f"device {got[y, x, channel]}, program {expected[y, x, channel]}"
    return f"{tensor.name} at y={y}, x={x}, channel={channel}: {values} ({len(wrong)} of {tensor.size} differ)"


def compare_tensors(client: Client, program: Program, image: np.ndarray) -> str | None:
    """Read every tensor of the device's last run, of `image` (h, w, ch), and compare it with the program's.

    Returns:
        The first difference, in the order of the nodes; None where every bit agrees.
    """
    found = difference(program.input, image, client.tensor(None, program.input.nbytes))
    if found is not None:
        return found
    for number, (name, value) in enumerate(program.steps(image[None])):
        tensor = program.tensors[name]
        found = difference(tensor, value[0], client.tensor(number, tensor.nbytes))
        if found is not None:
            return f"{program.nodes[number].name} ({program.nodes[number].op}), {found}"
    return None
