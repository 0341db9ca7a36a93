# SPDX-License-Identifier: Apache-2.0
"""Arguments for every row of the table of operations: what the tests of its claims call each overload with.

X and Y stand for tensors that depend on the image, B for truths that do; all else is constant.  Samples
are many where arguments decide about claims (slopes of either sign, bounds in either order, values on either side of a
threshold).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from xnorc.capture.edit import aten
from xnorc.capture.running_mean import running_mean

MAP = (1, 4, 6, 6)  # the shape of X, where a sample says nothing else
X, Y, B = object(), object(), object()


@dataclass(frozen=True)
class Sample:
    """One way to call an operation.

    Attributes:
        args, kwargs: with X, Y and B where tensors depend on the image.
        shape: of X, Y and B.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = MAP


def s(*args: Any, shape: tuple[int, ...] = MAP, **kwargs: Any) -> Sample:
    return Sample(args, kwargs, shape)


def t(*values: float) -> torch.Tensor:
    """A constant per channel."""
    return torch.tensor(values).view(1, -1, 1, 1)


BITS = torch.tensor([True, False, True, True]).view(1, 4, 1, 1)
CHANNELS = t(0.5, -1.5, 2.0, 0.25)
PERMUTATION = torch.tensor([2, 0, 3, 1])
TWICE = torch.tensor([1, 1, 0, 3])
PAIRS = [s(X, Y), s(X, CHANNELS), s(CHANNELS, X), s(X, X), s(X, torch.tensor(0.0)), s(X, torch.tensor(torch.inf))]
SUMS = [*PAIRS, s(X, CHANNELS, alpha=-0.3), s(X, Y, alpha=3), s(X, X, alpha=-0.75), s(X, X, alpha=-1)]
SUMS_OF_NUMBERS = [s(X, 0.375), s(X, -2), s(X, 0), s(X, 1, 0.5), s(X, 1e300), s(X, 0.5, torch.inf)]
CHOICES = [s(X, Y), s(X, CHANNELS), s(CHANNELS, X), s(X, X), s(X, torch.tensor(torch.nan))]
NUMBERS = [s(X, v) for v in (0, 1, -1, 0.375, -2.5, 1e-60, 1e300, torch.inf, torch.nan)]
UNARY = [s(X)]


def batch_norm(variance: tuple[float, ...], training: bool = False) -> Sample:
    rest = (torch.tensor([0.5, -1.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, -3.0, 0.5]))
    return s(X, *rest, torch.tensor([0.25, -4.0, 0.0, 1000.0]), torch.tensor(variance), training, 0.1, 1e-5, False)


def conv(*shape: int, **kwargs: Any) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), **kwargs)


ELEMENTWISE: dict[Any, list[Sample]] = {
    aten.add.Tensor: SUMS,
    aten.sub.Tensor: SUMS,
    aten.rsub.Tensor: SUMS,
    aten.add.Scalar: SUMS_OF_NUMBERS,
    aten.sub.Scalar: SUMS_OF_NUMBERS,
    aten.rsub.Scalar: SUMS_OF_NUMBERS,
    aten.mul.Tensor: PAIRS,
    aten.mul.Scalar: NUMBERS,
    aten.div.Tensor: [*PAIRS, s(CHANNELS, Y), s(X, t(1.0, 0.0, 2.0, -1.0))],
    aten.div.Scalar: NUMBERS,
    aten.div.Tensor_mode: [s(X, Y, rounding_mode=m) for m in (None, "floor", "trunc")]
    + [s(X, CHANNELS, rounding_mode=m) for m in (None, "floor", "trunc")],
    aten.div.Scalar_mode: [s(X, n, rounding_mode=m) for n in (0.75, -3, 0) for m in (None, "floor", "trunc")],
    **dict.fromkeys(
        (
            aten.neg.default, aten.abs.default, aten.square.default, aten.sqrt.default, aten.reciprocal.default,
            aten.rsqrt.default, aten.relu.default, aten.relu6.default, aten.hardsigmoid.default, aten.sign.default,
            aten.sgn.default, aten.round.default, aten.floor.default, aten.ceil.default, aten.trunc.default,
            aten.alias.default, aten.detach.default, aten.lift_fresh.default, aten.lift_fresh_copy.default,
            aten.clone.default, aten.resolve_conj.default, aten.resolve_neg.default, aten.exp.default,
            aten.expm1.default, aten.log.default, aten.log2.default, aten.log1p.default, aten.tanh.default,
            aten.sigmoid.default, aten.log_sigmoid.default, aten.erf.default, aten.atan.default, aten.asinh.default,
            aten.sinh.default, aten.selu.default, aten.silu.default, aten.mish.default, aten.hardswish.default,
            aten.sin.default, aten.cos.default, aten.logical_not.default,
        ),
        UNARY,
    ),
    aten.bitwise_not.default: [s(B), s(X)],
    aten.gelu.default: [s(X), s(X, approximate="tanh")],
    aten.pow.Tensor_Scalar: [s(X, e) for e in (0, 1, 2, 3, 0.5, 1.5, -1, -2, -0.5, torch.inf)],
    aten.clamp.default: [s(X, -1, 1), s(X, None, 0.25), s(X, 0.5, None), s(X, 1.0, -1.0), s(X, -torch.inf, torch.nan)],
    aten.clamp.Tensor: [s(X, CHANNELS, t(1.0, 1.0, 3.0, 0.25)), s(X, CHANNELS, -CHANNELS), s(X, Y, None), s(X, None, Y),
                        s(CHANNELS, X, Y), s(X, X, CHANNELS)],
    aten.clamp_min.default: [s(X, 0.25), s(X, -3), s(X, torch.nan)],
    aten.clamp_max.default: [s(X, -0.25), s(X, 3), s(X, torch.nan)],
    aten.clamp_min.Tensor: CHOICES,
    aten.clamp_max.Tensor: CHOICES,
    aten.hardtanh.default: [s(X), s(X, -2.0, 0.5), s(X, 1.0, -1.0)],
    aten.minimum.default: CHOICES,
    aten.maximum.default: CHOICES,
    aten.max.other: CHOICES,
    aten.min.other: CHOICES,
    aten.leaky_relu.default: [s(X), s(X, 0.25), s(X, -0.5), s(X, -3.0), s(X, 0.0), s(X, 2.5), s(X, -1e-60)],
    aten.prelu.default: [s(X, torch.tensor([0.25])), s(X, torch.tensor([0.25, 0.0, 2.0, 1.0])),
                         s(X, torch.tensor([0.25, -1.0, 2.0, 1.0]))],
    aten.threshold.default: [s(X, *a) for a in ((0.5, 0.25), (0.5, 9.0), (-1.0, 0.0), (1.0, 1.0), (0.0, 0.0),
                                                (0.5, torch.nan), (torch.nan, 0.0), (3.0, -torch.inf))],
    aten.round.decimals: [s(X, decimals=d) for d in (1, 0, 3, -1, 30)],
    aten.heaviside.default: [s(X, torch.tensor(v)) for v in (0.0, 1.0, 0.5, -3.0)] + [s(X, Y)],
    aten.copysign.Tensor: [s(torch.tensor(1.0), X), s(torch.tensor(0.3), X), s(X, Y), s(CHANNELS, X), s(X, CHANNELS)],
    aten.copysign.Scalar: [s(X, 1.0), s(X, -2), s(X, -0.0)],
    aten.fake_quantize_per_tensor_affine.default: [
        s(X, 1.0, 0, 0, 1), s(X, 0.5, 1, 0, 3), s(X, 0.1, 0, -128, 127), s(X, 2.0, 0, -1, 1), s(X, -1.0, 0, 0, 1),
    ],
    aten.fake_quantize_per_tensor_affine.tensor_qparams: [
        s(X, torch.tensor([0.5]), torch.tensor([1], dtype=torch.int32), 0, 3),
        s(X, torch.tensor([-0.5]), torch.tensor([1], dtype=torch.int32), 0, 3),
    ],
    aten._to_copy.default: [s(X, dtype=d) for d in (torch.float32, torch.float64, torch.float16, torch.int64,
                                                    torch.int32, torch.int8, torch.bool)],
    aten.to.dtype: [s(X, torch.float64), s(X, torch.float16), s(X, torch.int32), s(X, torch.uint8), s(X, torch.bool)],
    aten.type_as.default: [s(X, torch.zeros(1, dtype=torch.float16)), s(X, torch.zeros(1, dtype=torch.int32)), s(X, Y)],
    aten.dropout.default: [s(X, 0.5, False)],
    aten.alpha_dropout.default: [s(X, 0.5, False)],
    aten.feature_dropout.default: [s(X, 0.5, False)],
    aten.where.self: [s(B, X, Y), s(BITS, X, CHANNELS), s(B, CHANNELS, X), s(BITS, CHANNELS, X), s(BITS, X, X)],
    aten.where.Scalar: [s(B, 1.0, -1.0), s(BITS, 1.0, -1.0)],
    aten.where.ScalarSelf: [s(B, 1.5, X), s(BITS, torch.nan, X)],
    aten.where.ScalarOther: [s(B, X, 1.5), s(BITS, X, -torch.inf)],
    aten.masked_fill.Scalar: [s(X, B, 2.5), s(X, BITS, 3)],
    aten.masked_fill.Tensor: [s(X, BITS, torch.tensor(2.5))],
    aten.fill.Scalar: [s(X, 2.5), s(X, -1)],
    aten.fill.Tensor: [s(X, torch.tensor(2.5))],
    aten.logical_and.default: [s(X, Y), s(B, B), s(X, BITS)],
    aten.logical_or.default: [s(X, Y), s(X, BITS)],
    aten.logical_xor.default: [s(X, Y), s(X, BITS)],
    **{getattr(aten, name).Tensor: CHOICES for name in ("ge", "gt", "le", "lt", "eq", "ne")},
    **{getattr(aten, name).Scalar: NUMBERS for name in ("ge", "gt", "le", "lt", "eq", "ne")},
    aten.softplus.default: [s(X), s(X, 2.0), s(X, 1.0, 0.125), s(X, -1.0), s(X, 1.0, -2.0), s(X, 0.25, 1.0)],
    aten.elu.default: [s(X), s(X, -1.0), s(X, 2.0), s(X, 1.0, 1.0, -2.0), s(X, 1.0, -0.5), s(X, 1.0, 2.0, 0.5)],
    aten.celu.default: [s(X), s(X, -1.0), s(X, 0.25)],
    aten.batch_norm.default: [batch_norm((1.0, 0.25, 9.0, 4.0)), batch_norm((1.0, 0.0, 9.0, 1e-30)),
                              batch_norm((1.0, -1.0, 9.0, 4.0))],
}  # fmt: skip

MOVING: dict[Any, list[Sample]] = {
    aten.view.default: [s(X, [1, 144]), s(X, [4, 36])],
    aten.reshape.default: [s(X, [1, -1]), s(X, [1, 4, 6, 6])],
    aten._unsafe_view.default: [s(X, [1, 144])],
    aten.view_as.default: [s(X, torch.zeros(1, 144))],
    aten.flatten.using_ints: [s(X, 1), s(X, 2, 3)],
    aten.unflatten.int: [s(X, 1, [2, 2])],
    aten.unsqueeze.default: [s(X, 2)],
    aten.squeeze.default: [s(X)],
    aten.squeeze.dim: [s(X, 0), s(X, 1)],
    aten.squeeze.dims: [s(X, [0])],
    aten.contiguous.default: [s(X)],
    aten.permute.default: [s(X, [0, 2, 3, 1])],
    aten.transpose.int: [s(X, 1, 3)],
    aten.t.default: [s(X, shape=(4, 5))],
    aten.numpy_T.default: [s(X, shape=(4, 5))],
    aten.movedim.int: [s(X, 1, 3)],
    aten.movedim.intlist: [s(X, [1, 2], [3, 1])],
    aten.moveaxis.int: [s(X, 1, 3)],
    aten.moveaxis.intlist: [s(X, [1, 2], [3, 1])],
    aten.swapaxes.default: [s(X, 1, 3)],
    aten.swapdims.default: [s(X, 1, 3)],
    aten.flip.default: [s(X, [2]), s(X, [1, 3])],
    aten.roll.default: [s(X, [1], [2]), s(X, [5])],
    aten.rot90.default: [s(X, 1, [2, 3]), s(X, 2, [2, 3]), s(X, -1, [1, 2])],
    aten.pixel_shuffle.default: [s(X, 2)],
    aten.pixel_unshuffle.default: [s(X, 2)],
    aten.channel_shuffle.default: [s(X, 2)],
    aten.native_channel_shuffle.default: [s(X, 2)],
    aten.slice.Tensor: [s(X, 1, 1, 3), s(X, 2, 0, 6, 2), s(X, 3, -2)],
    aten.select.int: [s(X, 1, 2), s(X, 2, -1)],
    aten.narrow.default: [s(X, 2, 1, 3)],
    aten.diagonal.default: [s(X, 1, 2, 3)],
    aten.expand.default: [s(X, [3, 4, 6, 6]), s(X, [1, 4, 6, 6])],
    aten.expand_as.default: [s(X, torch.zeros(2, 4, 6, 6))],
    aten.broadcast_to.default: [s(X, [2, 4, 6, 6])],
    aten.repeat.default: [s(X, [1, 2, 1, 1]), s(X, [1, 1, 1, 1]), s(X, [2, 1, 1, 1, 3])],
    aten.tile.default: [s(X, [2]), s(X, [1, 1, 1, 1])],
    aten.index.Tensor: [s(X, [None, PERMUTATION]), s(X, [None, torch.tensor([1, 1, 0])]), s(X, [None, None, TWICE])],
    aten.index_select.default: [s(X, 1, PERMUTATION), s(X, 3, TWICE)],
    aten.gather.default: [s(X, 1, torch.randint(0, 4, (1, 3, 6, 6), generator=torch.Generator().manual_seed(1)))],
    aten.take.default: [s(X, torch.tensor([[5, 0], [143, 5]]))],
    aten.unfold.default: [s(X, 2, 3, 1), s(X, 3, 2, 2)],
    aten.repeat_interleave.self_int: [s(X, 2, 1), s(X, 3), s(X, 1, 2)],
    aten.repeat_interleave.self_Tensor: [s(X, TWICE, 1)],
    aten.upsample_nearest1d.default: [s(X, [9], shape=(1, 4, 6))],
    aten.upsample_nearest1d.vec: [s(X, None, [1.5], shape=(1, 4, 6))],
    aten.upsample_nearest2d.default: [s(X, [12, 9])],
    aten.upsample_nearest2d.vec: [s(X, None, [2.0, 0.7])],
    aten.reflection_pad1d.default: [s(X, [1, 2], shape=(1, 4, 6))],
    aten.reflection_pad2d.default: [s(X, [1, 2, 0, 3])],
    aten.replication_pad1d.default: [s(X, [1, 2], shape=(1, 4, 6))],
    aten.replication_pad2d.default: [s(X, [1, 2, 0, 3])],
    aten.constant_pad_nd.default: [s(X, [1, 0, 2, 1], 2.5), s(X, [1, 1]), s(X, [-1, 1, 0, 0], -7.0), s(X, [0, 0])],
    aten.pad.default: [s(X, [1, 0, 2, 1], "constant", 2.5), s(X, [1, 1]), s(X, [1, 1, 1, 1], "reflect"),
                       s(X, [1, 1, 1, 1], "replicate"), s(X, [1, 2, 0, 1], "circular")],
    aten.im2col.default: [s(X, [3, 3], [1, 1], [1, 1], [2, 1]), s(X, [2, 2], [1, 1], [0, 0], [1, 1])],
    aten.tril.default: [s(X), s(X, 1)],
    aten.triu.default: [s(X), s(X, -1)],
}  # fmt: skip

JOINING: dict[Any, list[Sample]] = {
    aten.cat.default: [s([X, Y], 1), s([Y, X, X], 2), s([X, torch.full(MAP, 3.0)], 1)],
    aten.concat.default: [s([X, Y], 1)],
    aten.stack.default: [s([X, Y], 1), s([X, Y], -1)],
}

MANY: dict[Any, list[Sample]] = {
    aten.conv1d.default: [s(X, conv(5, 4, 3), conv(5), [1], [1], [1], 1, shape=(1, 4, 6)), s(X, Y, shape=(1, 4, 6))],
    aten.conv1d.padding: [s(X, conv(5, 4, 3), None, [1], "same", [1], 1, shape=(1, 4, 6))],
    aten.conv2d.default: [s(X, conv(5, 4, 3, 3), conv(5), [1, 1], [1, 1]), s(X, conv(4, 2, 3, 3), None, [2, 2], [0, 0],
                          [1, 1], 2), s(X, conv(4, 1, 3, 3).sign() * 3, None, [1, 1], [1, 1], [1, 1], 4), s(X, Y),
                          s(conv(1, 4, 6, 6), X, conv(1)), s(X, Y, torch.tensor([50.0]), [1, 1], [2, 2])],
    aten.conv2d.padding: [s(X, conv(5, 4, 3, 3), conv(5), [1, 1], "same"),
                          s(X, conv(5, 4, 2, 2), None, [1, 1], "valid")],
    aten.conv3d.default: [s(X, conv(2, 1, 3, 3, 3), conv(2), [1, 1, 1], [1, 1, 1], shape=(1, 1, 4, 6, 6))],
    aten.conv3d.padding: [s(X, conv(2, 1, 3, 3, 3), conv(2), [1, 1, 1], "same", shape=(1, 1, 4, 6, 6))],
    aten.conv_transpose1d.default: [s(X, conv(4, 3, 3), conv(3), [2], [1], shape=(1, 4, 6))],
    aten.conv_transpose2d.input: [s(X, conv(4, 3, 3, 3), conv(3), [2, 2], [1, 1]), s(X, conv(4, 3, 3, 3), conv(6),
                                  [1, 1], [0, 0], [0, 0], 2), s(X, conv(4, 3, 2, 2), None, [3, 3])],
    aten.linear.default: [s(X, conv(5, 6), conv(5)), s(X, conv(5, 6)), s(X, Y, torch.full((6,), 100.0),
                          shape=(6, 6)), s(X, conv(5, 6).sign(), conv(5).round())],
    aten.mm.default: [s(X, Y, shape=(6, 6)), s(X, conv(6, 3), shape=(6, 6))],
    aten.bmm.default: [s(X, Y, shape=(2, 6, 6)), s(conv(2, 3, 6), X, shape=(2, 6, 5))],
    aten.matmul.default: [s(X, Y), s(X, conv(6, 3)), s(conv(3, 6), X, shape=(6, 6)), s(X, Y, shape=(7,))],
    aten.max_pool1d.default: [s(X, [2], [1], [1], shape=(1, 4, 6)), s(X, [3], shape=(1, 4, 6))],
    aten.max_pool2d.default: [s(X, [2, 2], [1, 1], [1, 1]), s(X, [3, 3], [2, 2], [0, 0], [1, 1], True),
                              s(X, [2, 2], shape=(4, 6, 6))],
    aten.max_pool3d.default: [s(X, [2, 2, 2], shape=(1, 1, 4, 6, 6))],
    aten.amax.default: [s(X, [2, 3]), s(X, [1], True), s(X)],
    aten.amin.default: [s(X, [2, 3]), s(X)],
    aten.max.default: UNARY,
    aten.min.default: UNARY,
    aten.median.default: UNARY,
    aten.mean.default: UNARY,
    aten.mean.dim: [s(X, [2, 3]), s(X, [1], True)],
    running_mean: [s(X, [2, 3], False)],
    aten.avg_pool1d.default: [s(X, [2], [1], [1], shape=(1, 4, 6))],
    aten.avg_pool2d.default: [s(X, [3, 3], [1, 1], [1, 1]), s(X, [2, 2], [2, 2], [0, 0], True), s(X, [3, 3], [1, 1],
                              [1, 1], False, False), s(X, [2, 2], [2, 2], [0, 0], False, True, 1)],
    aten.avg_pool3d.default: [s(X, [2, 2, 2], shape=(1, 1, 4, 6, 6)), s(X, [2, 2, 2], [1, 1, 1], [0, 0, 0], False,
                              True, 1, shape=(1, 1, 4, 6, 6))],
    aten.adaptive_avg_pool1d.default: [s(X, [4], shape=(1, 4, 6)), s(X, [7], shape=(1, 4, 6))],
    aten.adaptive_avg_pool2d.default: [s(X, [1, 1]), s(X, [4, 5])],
    aten.sum.default: UNARY,
    aten.sum.dim_IntList: [s(X, [2, 3]), s(X, [1], True), s(X, [1], dtype=torch.float64)],
    aten.var.default: [s(X), s(X, False)],
    aten.var.dim: [s(X, [2, 3]), s(X, [2, 3], False), s(X, [0])],
    aten.var.correction: [s(X, [2, 3]), s(X, [2], correction=0), s(X, [2], correction=2), s(X, [2], correction=6)],
    aten.std.default: [s(X), s(X, False)],
    aten.std.dim: [s(X, [2, 3]), s(X, [2, 3], False)],
    aten.std.correction: [s(X, [2, 3]), s(X, [2], correction=3), s(X, [1, 2, 3], correction=1, keepdim=True)],
    aten.softmax.int: [s(X, 1)],
    aten._softmax.default: [s(X, 1, False)],
    aten.log_softmax.int: [s(X, 1)],
    aten._log_softmax.default: [s(X, 1, False)],
    aten.linalg_vector_norm.default: [s(X), s(X, 1, [1]), s(X, 0), s(X, 0.5, [2, 3]), s(X, 3.0, [2]), s(X, torch.inf)],
    aten.norm.Scalar: [s(X), s(X, 0), s(X, 1)],
    aten.norm.ScalarOpt_dim: [s(X, None, [1]), s(X, 0.5, [2, 3]), s(X, 2, [1], True)],
    aten.upsample_bilinear2d.default: [s(X, [9, 11], False), s(X, [3, 13], True)],
    aten.upsample_bilinear2d.vec: [s(X, None, False, [1.7, 2.0])],
    aten.layer_norm.default: [s(X, [6]), s(X, [6, 6], conv(6, 6), conv(6, 6)), s(X, [6], None, torch.full((6,), 9.0))],
    aten.group_norm.default: [s(X, 2), s(X, 4, conv(4), conv(4)), s(X, 1, None, torch.full((4,), 9.0))],
    aten.argmax.default: [s(X, 1), s(X), s(X, 2, True)],
    aten.argmin.default: [s(X, 1), s(X)],
    aten.any.default: UNARY,
    aten.any.dim: [s(X, 1)],
    aten.any.dims: [s(X, [1, 2])],
    aten.all.default: UNARY,
    aten.all.dim: [s(X, 1)],
    aten.all.dims: [s(X, [1, 2])],
}  # fmt: skip

SAMPLES = {**ELEMENTWISE, **MOVING, **JOINING, **MANY}
