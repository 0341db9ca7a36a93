# SPDX-License-Identifier: Apache-2.0
"""Operations that work element by element, and what is known of each.

Rounding to nearest is monotone, so an operation that is monotone on paper and correctly rounded is monotone in
floating point; so is a composition of such steps.  Operations with a polynomial inside (exp, tanh, ...) are accurate to
a few units in the last place, and nothing is claimed of how neighbouring floats compare.
"""

from __future__ import annotations

import torch

from xnorc.capture.edit import aten, dtype
from xnorc.capture.operations.conditions import (
    Above,
    AtLeast,
    Call,
    Finite,
    FitsResult,
    FloatResult,
    Is,
    NeverNan,
    NoNan,
    Nonzero,
    Ordered,
    PositiveVariance,
    Small,
)
from xnorc.capture.operations.row import (
    Acts,
    Corners,
    Equality,
    Linear,
    Monotone,
    Operation,
    Rule,
    Turn,
    Whole,
    Within,
    rows,
)

MOST_LEVELS = 64  # of a quantizer, looked at


def _heaviside_levels(call: Call) -> list[torch.Tensor] | None:
    """0 and 1, and between them what is given for x = 0."""
    at_zero = call.constant("values")
    if at_zero is None or at_zero.numel() != 1:
        return None
    return [torch.tensor(value, dtype=torch.float64) for value in sorted({0.0, float(at_zero), 1.0})]


def _copysign_levels(call: Call) -> list[torch.Tensor] | None:
    """A constant magnitude, with either sign."""
    magnitude = call.constant("self")
    return None if magnitude is None else [-magnitude.abs(), magnitude.abs()]


def _quantizer_levels(call: Call) -> list[torch.Tensor] | None:
    """The values of `fake_quantize`: the operation itself at every level's own value."""
    numbers = [call.constant(name) for name in ("scale", "zero_point", "quant_min", "quant_max")]
    if any(number is None or number.numel() != 1 for number in numbers):
        return None
    scale, zero, low, high = (float(number) for number in numbers)  # type: ignore[arg-type]
    if high - low >= MOST_LEVELS:
        return None
    at = (torch.arange(low, high + 1, dtype=torch.float64) - zero) * scale
    return list(call.run("self", at.to(dtype(call.node))).to(torch.float64))


E, KEEPS, ALWAYS = Acts.ELEMENTWISE, Whole.KEEPS, Whole.ALWAYS
RISES = (Monotone("self"),)
SUM = (
    Monotone("self", (Finite("other"), Finite("alpha"))),
    Monotone("other", (Finite("self"), Finite("alpha"))),
)
CHOICE = (Monotone("self", (NoNan("other"),)), Monotone("other", (NoNan("self"),)))
SMOOTH = Corners(ulps=8)

ARITHMETIC: tuple[Operation, ...] = (
    *rows(aten.add, "Tensor Scalar", E, interval=Corners(), monotone=SUM, linear=Linear.TOGETHER, ulps=0.5,
          ulps_given=(Is("alpha", 1),), whole=KEEPS, wraps=True, when=(Finite("alpha"),)),
    *rows(aten.sub, "Tensor Scalar", E, interval=Corners(), monotone=SUM, linear=Linear.TOGETHER, ulps=0.5,
          ulps_given=(Is("alpha", 1),), whole=KEEPS, wraps=True, when=(Finite("alpha"),)),
    *rows(aten.rsub, "Tensor Scalar", E, interval=Corners(), monotone=SUM, linear=Linear.TOGETHER, ulps=0.5,
          ulps_given=(Is("alpha", 1),), whole=KEEPS, wraps=True, when=(Finite("alpha"),)),
    *rows(aten.mul, "Tensor Scalar", E, interval=Corners(), linear=Linear.EACH, ulps=0.5, whole=KEEPS, wraps=True,
          monotone=(Monotone("self", (Finite("other"),)), Monotone("other", (Finite("self"),)))),
    *rows(aten.div, "Tensor Scalar", E, interval=Corners(pole="other"), ulps=0.5,
          monotone=(Monotone("self", (Nonzero("other"),)),)),
    *rows(aten.div, "Tensor_mode Scalar_mode", E, interval=Corners(pole="other"), ulps=0.5,
          when=(Is("rounding_mode", None),), monotone=(Monotone("self", (Nonzero("other"),)),)),
    *rows(aten.neg, "default", E, interval=Corners(), monotone=RISES, linear=Linear.TOGETHER, ulps=0, whole=KEEPS,
          wraps=True),
    *rows(aten.abs, "default", E, interval=Corners(), ulps=0, whole=KEEPS, wraps=True),
    *rows(aten.square, "default", E, interval=Corners(), ulps=0.5, whole=KEEPS, wraps=True),
    # not correctly rounded: vector libraries come within one unit
    *rows(aten.sqrt, "default", E, interval=Corners(ulps=2), ulps=1),
    *rows(aten.reciprocal, "default", E, interval=Corners(pole="self"), ulps=0.5),
    *rows(aten.rsqrt, "default", E, interval=Corners(ulps=4, pole="self"), ulps=2),
    *rows(aten.pow, "Tensor_Scalar", E, wraps=True, ulps=4, when=(Finite("exponent"),),
          interval=Corners(ulps=8, pole="self", tame=(AtLeast("exponent", 0),))),
)  # fmt: skip

CLIPS: tuple[Operation, ...] = (
    *rows(aten.relu, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=KEEPS),
    *rows(aten.relu6, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=KEEPS, narrows=True),
    *rows(aten.clamp, "default Tensor", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True,
          monotone=(Monotone("self", (Ordered("min", "max"),)),)),
    *rows(aten.clamp_min, "default Tensor", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True,
          monotone=(Monotone("self", (NoNan("min"),)),)),
    *rows(aten.clamp_max, "default Tensor", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True,
          monotone=(Monotone("self", (NoNan("max"),)),)),
    *rows(aten.hardtanh, "default", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True,
          when=(Ordered("min_val", "max_val"),), monotone=RISES),
    *rows(aten.minimum, "default", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True, monotone=CHOICE),
    *rows(aten.maximum, "default", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True, monotone=CHOICE),
    # torch.max(a, b) and torch.min(a, b), which are no reductions
    *rows(aten.max, "other", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True, monotone=CHOICE),
    *rows(aten.min, "other", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True, monotone=CHOICE),
    *rows(aten.leaky_relu, "default", E, interval=Corners(), ulps=0.5,
          monotone=(Monotone("self", (AtLeast("negative_slope", 0),)),)),
    *rows(aten.prelu, "default", Acts.CHANNELWISE, interval=Corners(), ulps=0.5,
          monotone=(Monotone("self", (AtLeast("weight", 0),)),)),
    # x above the threshold, else the value: a jump down where the value is greater
    *rows(aten.threshold, "default", E, interval=Corners(turns=(Turn("threshold"),)), ulps=0, whole=KEEPS,
          monotone=(Monotone("self", (Ordered("value", "threshold"),)),)),
    *rows(aten.hardsigmoid, "default", E, interval=Corners(ulps=2), monotone=RISES, ulps=2),
)  # fmt: skip

ROUNDINGS: tuple[Operation, ...] = (
    *rows(aten.sign, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, keeps_nan=False,
          narrows=True, sign=True),
    *rows(aten.sgn, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, keeps_nan=False,
          narrows=True, sign=True),
    *rows(aten.round, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, narrows=True),
    # to so many digits after the point: tenths are not whole
    *rows(aten.round, "decimals", E, interval=Corners(), monotone=RISES, when=(Small("decimals", 8),)),
    *rows(aten.floor, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, narrows=True),
    *rows(aten.ceil, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, narrows=True),
    *rows(aten.trunc, "default", E, interval=Corners(), monotone=RISES, ulps=0, whole=ALWAYS, narrows=True),
    # 0 below 0, 1 above 0, and at 0 the value given
    *rows(aten.heaviside, "default", E, interval=Corners(), ulps=0, narrows=True, levels=_heaviside_levels),
    # takes the sign bit, which -0.0 and NaN have too
    *rows(aten.copysign, "Tensor Scalar", E, interval=Corners(), ulps=0, whole=KEEPS, narrows=True,
          levels=_copysign_levels, when=(NeverNan("other"),)),
    *rows(aten.fake_quantize_per_tensor_affine, "default tensor_qparams", E, interval=Corners(), monotone=RISES,
          when=(Above("scale", 0), Finite("zero_point")), keeps_nan=False, narrows=True, levels=_quantizer_levels),
)  # fmt: skip

CASTS: tuple[Operation, ...] = (
    # Casts to integers cut off the fraction, casts to bool ask x != 0: neither is monotone for all floats.
    *rows(aten._to_copy, "default", E, interval=Corners(), when=(FitsResult("self"),), linear=Linear.TOGETHER,
          monotone=(Monotone("self", (FloatResult(),)),), ulps=0.5, whole=KEEPS, narrows=True, casts=True, same=True),
    *rows(aten.to, "dtype", E, interval=Corners(), when=(FitsResult("self"),), linear=Linear.TOGETHER,
          monotone=(Monotone("self", (FloatResult(),)),), ulps=0.5, whole=KEEPS, narrows=True, casts=True, same=True),
    *rows(aten.type_as, "default", E, interval=Corners(), when=(FitsResult("self"),), linear=Linear.TOGETHER,
          monotone=(Monotone("self", (FloatResult(),)),), ulps=0.5, whole=KEEPS, narrows=True, casts=True, same=True),
    *(
        row
        for packet in (
            aten.alias, aten.detach, aten.lift_fresh, aten.lift_fresh_copy, aten.clone, aten.resolve_conj,
            aten.resolve_neg,
        )
        for row in rows(packet, "default", E, interval=Corners(), monotone=RISES, linear=Linear.TOGETHER, ulps=0,
                        whole=KEEPS, same=True)
    ),
    *(
        row
        for packet in (aten.dropout, aten.alpha_dropout, aten.feature_dropout)
        for row in rows(packet, "default", E, interval=Corners(), when=(Is("train", False),), ulps=0, whole=KEEPS,
                        same=True)
    ),
)  # fmt: skip

CHOICES: tuple[Operation, ...] = (
    *rows(aten.where, "self Scalar ScalarSelf ScalarOther", E, interval=Corners(), ulps=0, whole=KEEPS),
    *rows(aten.masked_fill, "Scalar Tensor", E, interval=Corners(), ulps=0, whole=KEEPS),
    *rows(aten.fill, "Scalar Tensor", E, interval=Corners(), ulps=0, keeps_nan=False),
    *rows(aten.logical_and, "default", E, interval=Corners(), ulps=0, whole=ALWAYS, keeps_nan=False),
    *rows(aten.logical_or, "default", E, interval=Corners(), ulps=0, whole=ALWAYS, keeps_nan=False),
    *rows(aten.logical_xor, "default", E, interval=Corners(), ulps=0, whole=ALWAYS, keeps_nan=False),
    *rows(aten.logical_not, "default", E, interval=Corners(), ulps=0, whole=ALWAYS, keeps_nan=False),
    *rows(aten.bitwise_not, "default", E, interval=Corners(), ulps=0, whole=ALWAYS),
    *(
        row
        for name in ("ge", "gt", "le", "lt")
        for row in rows(getattr(aten, name), "Tensor Scalar", E, interval=Corners(), ulps=0, whole=ALWAYS,
                        keeps_nan=False, compares=name, monotone=CHOICE)
    ),
    *rows(aten.eq, "Tensor Scalar", E, interval=Equality(), ulps=0, whole=ALWAYS, keeps_nan=False, compares="eq"),
    *rows(aten.ne, "Tensor Scalar", E, interval=Equality(negated=True), ulps=0, whole=ALWAYS, keeps_nan=False,
          compares="ne"),
)  # fmt: skip

CURVES: tuple[Operation, ...] = (
    *rows(aten.exp, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.expm1, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.log, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.log2, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.log1p, "default", E, interval=Corners(ulps=8, turns=(Turn(-1.0),)), ulps=4),
    *rows(aten.tanh, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.sigmoid, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.log_sigmoid, "default", E, interval=SMOOTH),
    *rows(aten.erf, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.atan, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.asinh, "default", E, interval=SMOOTH, ulps=4),
    *rows(aten.sinh, "default", E, interval=SMOOTH, ulps=4),
    # beyond the threshold softplus is x itself: a small step, down in float64
    *rows(aten.softplus, "default", E, interval=Corners(ulps=8, turns=(Turn("threshold", "beta"),)),
          when=(Above("beta", 0), AtLeast("threshold", 0))),
    *rows(aten.elu, "default", E, interval=SMOOTH),
    *rows(aten.celu, "default", E, interval=SMOOTH, when=(Nonzero("alpha"),)),
    *rows(aten.selu, "default", E, interval=SMOOTH),
    *rows(aten.silu, "default", E, interval=Corners(ulps=8, dip=-0.279)),
    *rows(aten.gelu, "default", E, interval=Corners(ulps=8, dip=-0.171)),
    *rows(aten.mish, "default", E, interval=Corners(ulps=8, dip=-0.31)),
    *rows(aten.hardswish, "default", E, interval=Corners(ulps=8, dip=-0.3751)),
    *rows(aten.sin, "default", E, interval=Within(-1.0, 1.0), ulps=4),
    *rows(aten.cos, "default", E, interval=Within(-1.0, 1.0), ulps=4),
)  # fmt: skip

NORMS: tuple[Operation, ...] = (
    *rows(aten.batch_norm, "default", Acts.CHANNELWISE, rule=Rule.BATCH_NORM, when=(Is("training", False),),
          monotone=(
              Monotone("input", (PositiveVariance(), Finite("weight"), Finite("bias"), Finite("running_mean"))),
          )),
)  # fmt: skip

ROWS = (*ARITHMETIC, *CLIPS, *ROUNDINGS, *CASTS, *CHOICES, *CURVES, *NORMS)
