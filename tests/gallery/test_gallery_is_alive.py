# SPDX-License-Identifier: Apache-2.0
"""The gallery keeps its own contract: every network builds, repeats itself, and all its binarizations are alive."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.gallery import HERE, build, eager, images, load, names, to_float
from tests.gallery.data import digits

aten = torch.ops.aten
DECISIONS = {
    aten.sign.default, aten.gt.Scalar, aten.gt.Tensor, aten.ge.Scalar, aten.ge.Tensor, aten.lt.Scalar, aten.lt.Tensor,
    aten.le.Scalar, aten.le.Tensor, aten.round.default, aten.sign_.default,
}  # fmt: skip
COUNT = 48


class Decisions(TorchDispatchMode):
    """Collects what every sign, comparison and rounding of maps (first axis = the batch) came to."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, torch.Tensor]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if func in DECISIONS and result.ndim >= 2 and result.shape[0] == COUNT:
            self.seen.append((str(func), result.detach().to(torch.float32).clone()))
        return result


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=names())
def network(request: pytest.FixtureRequest) -> ModuleType:
    return load(request.param)


def test_declares_its_contract(network: ModuleType) -> None:
    assert network.EXACT is (not network.STREAM)
    assert network.TIE in (None, 1, -1)
    assert (network.MEAN is None) == (network.STD is None)
    assert {"Style:", "Idioms:"} <= set((network.__doc__ or "").split())
    assert len(network.INPUT) in (1, 3)
    source = (HERE / network.__file__).read_text()
    assert "xnorc" not in source
    if network.MEAN is not None:
        assert len(network.MEAN) == len(network.STD) == (network.INPUT[0] if len(network.INPUT) == 3 else 1)


def test_is_built_the_same_twice_and_is_in_eval_mode(network: ModuleType) -> None:
    one, two = build(network), build(load(network.__name__.removeprefix("gallery_")))
    assert not any(module.training for module in one.modules())
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
        assert not a.is_floating_point() or bool(torch.isfinite(a).all()), name


def test_every_binarization_is_alive_and_logits_depend_on_the_input(network: ModuleType) -> None:
    net = build(network)
    x = to_float(network, images(network, COUNT))
    with Decisions() as decisions:
        logits = eager(net, x)
    assert logits.shape == (COUNT, network.CLASSES)
    assert bool(torch.isfinite(logits).all())
    assert torch.equal(logits, eager(net, x))
    assert len(torch.unique(logits, dim=0)) > COUNT // 2
    assert len(torch.unique(logits.argmax(1))) >= 2
    assert decisions.seen
    for op, values in decisions.seen:
        per_channel = values.transpose(0, 1).flatten(1)
        moving = (per_channel != per_channel[:, :1]).any(1)
        enough = 0.5 if "sign" in op or "round" in op else 0.2  # a comparison may be the rare half of a surrogate
        assert moving.float().mean() > enough, f"{op} {tuple(values.shape)}: most channels never change"


def test_answers_do_not_depend_on_the_batch(network: ModuleType) -> None:
    net = build(network)
    x = to_float(network, images(network, 6, seed=1))
    together = eager(net, x)
    alone = torch.cat([eager(net, x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in names() if load(name).STREAM])
def test_networks_with_streams_are_trained(name: str) -> None:
    network = load(name)
    x, y = digits(network.INPUT)[2:]
    part = slice(0, 600)
    guess = eager(build(network), to_float(network, x[part])).argmax(1).numpy()
    assert (guess == y[part]).mean() > 0.93


def test_weights_are_plain_small_arrays() -> None:
    files = sorted((HERE / "weights").glob("*.npz"))
    assert {file.stem for file in files} >= set(names())
    assert sum(file.stat().st_size for file in files) < 1_500_000
    for file in files:
        assert file.stat().st_size < 150_000, file.name
        with np.load(file, allow_pickle=False) as arrays:
            assert all(arrays[key].dtype.kind in "fiub" for key in arrays.files)
