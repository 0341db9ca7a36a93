# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (an expression a line)
"""How authors write a binarizer: a name, and the expression.  The first of each table is the plainest.

In `ACTIVATIONS`, x is the activation and t a threshold per channel (or 0).  All give +-1 unless they stand in
`OTHER_VALUES`.  In `WEIGHTS`, w is the latent weight, `dims` all its axes but the first, `one` a shape of one value
an output channel.
"""

from __future__ import annotations

FUNCTION = """class {name}(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return {hard}

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() <= 1).to(g.dtype)"""

FUNCTIONS = {
    "SignFunction": FUNCTION.format(name="SignFunction", hard="torch.sign(x)"),
    "StepFunction": FUNCTION.format(name="StepFunction", hard="torch.where(x > 0, 1.0, -1.0)"),
    "MaskFunction": FUNCTION.format(name="MaskFunction", hard="(x >= 0).to(x.dtype) * 2 - 1"),
}

ACTIVATIONS = {
    "where_ge": "torch.where(x >= {t}, 1.0, -1.0)",
    "where_gt": "torch.where(x > {t}, 1.0, -1.0)",
    "where_lt": "torch.where(x < {t}, -1.0, 1.0)",
    "where_ones": "torch.where(x > {t}, torch.ones_like(x), -torch.ones_like(x))",
    "where_le_falling": "torch.where(x <= {t}, 1.0, -1.0)",
    "ge_times_two": "(x >= {t}).float() * 2 - 1",
    "gt_type_as": "2.0 * (x > {t}).type_as(x) - 1.0",
    "lt_subtracted": "1 - 2 * (x < {t}).to(x.dtype)",
    "sign": "torch.sign(x - {t})",
    "method_sign": "(x - {t}).sign()",
    "sgn": "torch.sgn(x - {t})",
    "sign_of_negated": "-torch.sign({t} - x)",
    "sign_plus_equal": "(lambda s: s + (s == 0).float())(torch.sign(x - {t}))",
    "sign_with_epsilon": "torch.sign(x - {t} + 1e-6)",
    "difference": "(x >= {t}).float() - (x < {t}).float()",
    "clamp_round": "2.0 * torch.round(torch.clamp((x - {t} + 1.0) / 2.0, 0, 1)) - 1.0",
    "clamp_ceil": "torch.clamp(torch.ceil(x - {t}), 0, 1) * 2 - 1",
    "clamp_floor": "torch.clamp(torch.floor(x - {t}), -1, 0) * 2 + 1",
    "heaviside": "torch.heaviside(x - {t}, torch.ones(1)) * 2 - 1",
    "sign_function": "SignFunction.apply(x - {t})",
    "step_function": "StepFunction.apply(x - {t})",
    "mask_function": "MaskFunction.apply(x - {t})",
    "hard_minus_soft": "(lambda h, c: h.detach() - c.detach() + c)(torch.sign(x - {t}), torch.clamp(x - {t}, -1, 1))",
    "soft_plus_detached": "(lambda c: c + (torch.where(x >= {t}, 1.0, -1.0) - c).detach())(F.hardtanh(x - {t}))",
    "tanh_straight": "(lambda c: (c - c.detach()) + torch.where(x >= {t}, 1.0, -1.0))(torch.tanh(x - {t}))",
    "sum_minus_soft": "(lambda h, c: (h + c) - c.detach())(torch.where(x > {t}, 1.0, -1.0), (x - {t}).clamp(-1.0, 1.0))",
    "identity_straight": "(lambda c: c + (torch.where(c >= 0, 1.0, -1.0) - c).detach())(x - {t})",
    "hardtanh_ahead": "torch.sign(F.hardtanh(x - {t}))",
    "tanh_ahead": "torch.where(torch.tanh(x - {t}) > 0, 1.0, -1.0)",
    "sigmoid_half": "torch.where(torch.sigmoid(x - {t}) >= 0.5, 1.0, -1.0)",
    "scaled_sign": "0.7 * torch.where(x >= {t}, 1.0, -1.0)",
    "zero_one_where": "torch.where(x >= {t}, 1.0, 0.0)",
    "zero_one_float": "(x > {t}).float()",
    "zero_one_round": "torch.round(torch.clamp(x - {t} + 0.5, 0, 1))",
    "zero_one_sign": "(torch.where(x > {t}, 1.0, -1.0) + 1) / 2",
    "zero_one_relu": "F.relu(torch.where(x >= {t}, 1.0, -1.0))",
    "any_two": "torch.where(x >= {t}, 0.75, -0.25)",
    "any_two_falling": "torch.where(x >= {t}, -0.5, 1.5)",
    "two_per_channel": "torch.where(x >= {t}, {high}, {low})",
}
OTHER_VALUES = {name for name in ACTIVATIONS if name.startswith(("zero_one", "any_two", "two_per", "scaled"))}

INEXACT = {  # straight-through forms whose float32 result is +-1 but for its last bits
    "hard_minus_soft", "soft_plus_detached", "tanh_straight", "sum_minus_soft", "identity_straight",
    "straight", "hard_minus_clipped",
}  # fmt: skip

WEIGHTS = {
    "where": "torch.where({w} >= 0, 1.0, -1.0)",
    "where_gt": "torch.where({w} > 0, torch.ones_like({w}), -torch.ones_like({w}))",
    "sign": "torch.sign({w})",
    "method_sign": "{w}.sign()",
    "ge_times_two": "({w} >= 0).float() * 2 - 1",
    "clamp_round": "2.0 * torch.round(torch.clamp(({w} + 1) / 2, 0, 1)) - 1",
    "function": "SignFunction.apply({w})",
    "straight": "{w} + (torch.sign({w}) - {w}).detach()",
    "hard_minus_clipped": "torch.sign({w}).detach() - {w}.clamp(-1, 1).detach() + {w}.clamp(-1, 1)",
    "scaled_mean": "{w}.abs().mean(dim={dims}, keepdim=True) * torch.sign({w})",
    "scaled_layer": "{w}.sign() * {w}.abs().mean()",
    "scaled_learned": "{a} * torch.where({w} >= 0, 1.0, -1.0)",
    "scaled_square": "torch.sqrt(({w} ** 2).mean(dim={dims}, keepdim=True)) * torch.where({w} >= 0, 1.0, -1.0)",
    "centred": "torch.sign({w} - {w}.mean(dim={dims}, keepdim=True))",
    "standardised": "torch.sign(({w} - {w}.mean(dim={dims}, keepdim=True)) / ({w}.std(dim={dims}, keepdim=True, unbiased=False) + 1e-5))",
    "zero_one": "({w} >= 0).float()",
    "two_valued": "torch.where({w} >= 0, 0.75, -0.25)",
    "two_per_channel": "torch.where({w} >= 0, {a}, {b})",
}

TILES = {
    "repeat": "{x} - {tile}.repeat(1, {slices}, {rows}, {cols})[:, :{c}, :{h}, :{w}]",
    "index": "{x} - {tile}[0][(torch.arange({c}) % {z})[:, None, None], (torch.arange({h}) % {th})[:, None], torch.arange({w}) % {tw}]",
    "expand": "{x} + (-{tile}).repeat(1, {slices}, {rows}, {cols})[:, :{c}, :{h}, :{w}].expand(1, {c}, {h}, {w})",
    "upsample": "{x} - F.conv_transpose2d(torch.ones(1, {z}, {rows}, {cols}), {tile}.transpose(0, 1), stride=({th}, {tw}), groups={z}).repeat(1, {slices}, 1, 1)[:, :{c}, :{h}, :{w}]",
}

AHEAD = {
    "hardtanh": "F.hardtanh(x)",
    "relu": "F.relu(x)",
    "relu6": "F.relu6(x)",
    "leaky": "F.leaky_relu(x, 0.1)",
    "leaky_negative": "F.leaky_relu(x, -0.5)",
    "clip": "x.clamp(-0.8, 1.3)",
    "clip_min": "x.clamp(min=-0.4)",
    "tanh": "torch.tanh(x)",
    "sigmoid": "torch.sigmoid(x) - 0.4",
    "softsign": "F.softsign(x)",
    "elu": "F.elu(x)",
    "softplus": "F.softplus(x) - 0.7",
    "silu": "F.silu(x)",
    "gelu": "F.gelu(x)",
    "hardswish": "F.hardswish(x)",
    "floor": "torch.floor(x * 2)",
    "ceil": "torch.ceil(x * 2)",
    "round": "torch.round(x * 2)",
    "trunc": "torch.trunc(x * 2)",
    "negate": "-x",
    "halve": "x / 2",
    "abs": "x.abs() - 0.5",
    "square": "x * x - 0.4",
    "cube": "x ** 3",
    "threshold": "F.threshold(x, 0.1, 0.0)",
    "hardshrink": "F.hardshrink(x, 0.3)",
    "softshrink": "F.softshrink(x, 0.3)",
    "exp": "torch.exp(x) - 1.1",
    "fmod": "torch.fmod(x, 1.0)",
    "minimum": "torch.minimum(x, torch.full_like(x, 0.6))",
    "masked": "torch.where(x < -1, torch.zeros_like(x) - 1, x)",
    "masked_fill": "x.masked_fill(x > 0.9, 0.9)",
}
