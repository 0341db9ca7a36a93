# SPDX-License-Identifier: Apache-2.0
"""A recipe as a module: the text of a file that needs torch, numpy and xnorc only, and what it defines."""

from __future__ import annotations

import pprint
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .recipe import NotANetwork, Recipe

HEAD = '''"""{title}"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

IMAGE = {image}
SEED = {seed}
MEAN, STD = {mean}, {std}
OPTIONS = dict({options})

'''

SEASON = '''
def images(seed, count=24):
    """uint8 (count, h, w, ch): noise of three brightnesses, neighbours that differ by one, extremes, constants."""
    rng = np.random.default_rng(seed)
    c, h, w = IMAGE if len(IMAGE) == 3 else (IMAGE[0], 1, 1)
    x = rng.integers(0, 256, (count, h, w, c)).astype(np.uint8)
    x[count // 3 : count // 2] //= 8
    x[count // 2 : 2 * count // 3] = x[count // 2 : 2 * count // 3] // 2 + 64
    near = slice(2 * count // 3, count - 6)
    x[near] = np.clip(x[0].astype(int) + rng.integers(-1, 2, x[near].shape), 0, 255)
    x[-6], x[-5], x[-4], x[-3] = 0, 255, 127, 128
    x[-2] = rng.choice([0, 255], x[-2].shape)
    x[-1] = (np.indices((h, w)).sum(0) % 2 * 255)[..., None]
    return x


def to_float(x, dtype=torch.float32):
    """What the network sees: ToTensor, then Normalize."""
    real = torch.from_numpy(x.copy()).permute(0, 3, 1, 2).contiguous().to(dtype) / 255
    if MEAN:
        real = real - torch.tensor(MEAN, dtype=torch.float32).to(dtype).view(1, -1, 1, 1)
    if STD:
        real = real / torch.tensor(STD, dtype=torch.float32).to(dtype).view(1, -1, 1, 1)
    return real.reshape(len(x), *IMAGE)


def season(net, how):
    """Batch norms as training leaves them: statistics near those of their inputs, scales of both signs."""
    generator = torch.Generator().manual_seed(SEED)

    def draw(n):
        return torch.randn(n, generator=generator)

    def set_norm(m, inputs):
        x = inputs[0].transpose(0, 1).flatten(1)
        mean, var, n = x.mean(1), x.var(1, unbiased=False) + 1e-3, m.num_features
        gamma, beta = draw(n), 0.5 * draw(n)
        if how == "whole":
            mean, var = mean.round(), torch.ones(n)
            gamma, beta, m.eps = gamma.sign() * (1 + (draw(n) > 0)), beta.round(), 0.0
        m.running_mean.copy_(mean + (0.3 * var.sqrt() * draw(n) if how != "whole" else 0))
        m.running_var.copy_(var * (1 + 0.5 * torch.rand(n, generator=generator) if how != "whole" else 1))
        if how == "wild":
            pick = torch.randint(0, 6, (n,), generator=generator)
            gamma[pick == 0] = 0.0
            m.running_var[pick == 1] = 1e-9
            m.running_var[pick == 2] *= 1e6
            beta[pick == 3] *= 30.0
        if m.affine:
            m.weight.data, m.bias.data = gamma, beta

    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    hooks = [m.register_forward_pre_hook(set_norm) for m in net.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        net(to_float(images(SEED + 1)))
    for hook in hooks:
        hook.remove()
    return net


def build():
    torch.manual_seed(SEED)
    return season(Net().eval(), "{norm}")
'''

MAIN = """

if __name__ == "__main__":
    import xnorc

    x, net = images(0), build()
    want = np.concatenate([net(to_float(x[i : i + 1])).detach().numpy() for i in range(len(x))])
    program = xnorc.export(net, to_float(x)[:1], calibration=x, mean=MEAN or None, std=STD or None, **OPTIONS)
    got = program.run(x).reshape(want.shape)
    print(program.dump())
    print("labels of PyTorch ", want.argmax(1))
    print("labels of xnorc   ", got.argmax(1))
    OPTIONS |= dict(calibration=x, mean=MEAN or None, std=STD or None)
    made = xnorc.verify(net, to_float(x)[:1], x, exact_sums=True, **OPTIONS)
    print("bits that differ with PyTorch's sums made exact:", made.differing_bits)
"""


@dataclass(frozen=True, eq=False)
class Network:
    """A recipe, ready to run.

    Attributes:
        text: the whole file, ready to be written and run.
        x: uint8 images (N, h, w, ch).
        example: float (1, ...) of zeros.
    """

    recipe: Recipe
    text: str
    module: nn.Module
    x: np.ndarray
    example: torch.Tensor
    space: dict[str, Any]

    def float_images(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """What the module sees."""
        return self.space["to_float"](self.x, dtype)

    @property
    def is_dead(self) -> bool:
        """Every image has the same answer."""
        logits = self.answers(torch.float32, self.recipe.tie)[0]
        return bool((logits == logits[0]).all())

    def eager(self, dtype: torch.dtype = torch.float32) -> np.ndarray:
        """float64 (N, classes): the untouched module's answers, one image at a time, as a user runs it.

        In float64 it is a copy of the module.
        """
        return self.answers(dtype, 0)[0]

    def answers(self, dtype: torch.dtype, tie: int) -> tuple[np.ndarray, np.ndarray]:
        """(logits (N, classes), bool (N,): a sign met 0); where `tie` is not 0, every sign(0) is `tie`."""
        module = self.module if dtype == torch.float32 else self.space["build"]().to(dtype)
        torch.set_default_dtype(dtype)
        try:
            rows, met = [], []
            with torch.no_grad(), _Run(tie, dtype) as mode:
                for real in self.float_images(dtype):
                    mode.met = False
                    rows.append(module(real[None]).double().numpy())
                    met.append(mode.met)
        finally:
            torch.set_default_dtype(torch.float32)
        return np.concatenate(rows), np.array(met)


class _Run(TorchFunctionMode):
    """sign(0) is the tie rule's value if there is one, and `float()` gives `dtype`.

    Attributes:
        met: a sign of 0 was asked for.
    """

    def __init__(self, tie: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.tie, self.dtype, self.met = tie, dtype, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.float:
            return args[0].to(self.dtype)
        out = func(*args, **(kwargs or {}))
        if func in (torch.sign, torch.sgn, torch.Tensor.sign, torch.Tensor.sgn):
            self.met |= bool((out == 0).any())
            return torch.where(out == 0, torch.full_like(out, self.tie), out) if self.tie else out
        return out


def text_of(recipe: Recipe, title: str = "A random network.") -> str:
    """The file.

    Raises:
        NotANetwork: PyTorch does not run it.
    """
    options = {"tie": recipe.tie, "weight_bits": recipe.weight_bits}
    head = HEAD.format(
        title=title, image=recipe.image, seed=recipe.seed, mean=recipe.mean, std=recipe.std,
        options=", ".join(f"{k}={v}" for k, v in options.items() if v),
    )  # fmt: skip
    season = SEASON.replace('"{norm}"', f'"{recipe.norm}"')
    return head + "\n" + recipe.source().text + "\n" + season + MAIN


def network(recipe: Recipe, file: Path) -> Network:
    """Write the recipe's file and run it.

    Raises:
        NotANetwork: PyTorch does not run it, or its answers are no finite (1, classes).
    """
    text = text_of(recipe, f"A random network.\n\n{pprint.pformat(recipe, width=110)}\n")
    file.write_text(text)
    space: dict[str, Any] = {"__name__": file.stem}
    exec(compile(text, str(file), "exec"), space)
    try:
        module = space["build"]()
        x = space["images"](0)
        made = Network(recipe, text, module, x, torch.zeros(1, *recipe.image), space)
        logits = made.eager()
    except (RuntimeError, ValueError, IndexError) as error:
        raise NotANetwork(str(error)) from error
    if logits.ndim != 2 or not np.isfinite(logits).all():
        raise NotANetwork(f"logits {logits.shape}")
    return made
