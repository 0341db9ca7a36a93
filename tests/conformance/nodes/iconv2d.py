# SPDX-License-Identifier: Apache-2.0
"""Integer convolutions."""

from __future__ import annotations

import numpy as np

from tests.conformance.drawing import Built, Fields, Rng, conv_fields, pair, requant, signs
from tests.conformance.grower import STREAMS, Grower
from xnorc.program import Kind
from xnorc.program.nodes.iconv2d import IConv2d


def build(f: Fields, rng: Rng) -> Built:
    """int8 weights, or +-1 (`weights = "signs"`), or `int16`, or all at an extreme (`weights = "127"`, or "32767").

    In int16 sums fit 32 bits only for small inputs (`within`) or small weights (`most`).

    With `per_group` the input channels of a group are given instead of the groups, and `out_ch` may be "in_ch".
    """
    if "per_group" in f:
        f = {**f, "out_ch": f["in_ch"], "groups": f["in_ch"] // f["per_group"]}
    kh, kw = pair(f.get("kernel", 1))
    shape = (f["out_ch"], kh, kw, f["in_ch"] // f.get("groups", 1))
    how = f.get("weights", "int8")
    if how == "signs":
        weights = signs(rng, *shape)
    elif how == "int8":
        weights = rng.integers(-127, 128, shape).astype(np.int8)
    elif how == "int16":
        most = int(f.get("most", 32767))
        weights = rng.integers(-most, most, shape, endpoint=True).astype(np.int16)
    else:
        weights = np.full(shape, int(how), np.int8 if abs(int(how)) < 128 else np.int16)
    kind = Kind(f.get("in", "u8"))
    widest = min(max(abs(b) for b in kind.range), int(f.get("within", 2**31)))
    reach = int(np.abs(weights.astype(int)).sum(axis=(1, 2, 3)).max()) * widest // 4 + 2
    x, fields = conv_fields(f, rng, kind, weights, -reach, reach)
    if "requant" in f:
        fields["requant"] = requant(str(f["requant"]), f.get("shift", 32), reach, fields["output"], rng)
    return IConv2d(**fields), (x,)


def grow(grower: Grower) -> bool:
    if (x := grower.pick(Kind.U8, *STREAMS)) is None:
        return False
    return grower.conv(
        IConv2d, x, lambda *shape: grower.rng.integers(-127, 128, shape), 50 * 127, Kind.I32, rescales=True
    )
