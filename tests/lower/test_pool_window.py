# SPDX-License-Identifier: Apache-2.0
"""Windows of pools: which elements each pooled element sees, by PyTorch's own pools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.lower.bare import graph_of, node
from xnorc.lower.graph.ops import MAX_POOL, is_call
from xnorc.lower.graph.pool_window import pool_window, window_pairs

SHAPE = (1, 3, 7, 8)
WINDOWS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 2},
    "stride": {"kernel_size": 3, "stride": 2},
    "dense": {"kernel_size": 3, "stride": 1},
    "pads": {"kernel_size": 3, "stride": 2, "padding": 1},
    "ceil": {"kernel_size": 2, "ceil_mode": True},
    "ceil beyond the pads": {"kernel_size": (3, 2), "stride": (3, 3), "padding": (1, 0), "ceil_mode": True},
    "ceil that changes nothing": {"kernel_size": (1, 2), "ceil_mode": True, "stride": (1, 2)},
    "oblong": {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)},
    "dilated": {"kernel_size": 2, "stride": 1, "dilation": (2, 3)},
}


@pytest.mark.parametrize("name", WINDOWS)
def test_a_max_pool_sees_what_pytorch_sees(name: str) -> None:
    arguments = WINDOWS[name]
    graph = graph_of(lambda x: F.max_pool2d(x, **arguments) * 2, SHAPE)
    pools = [n for n in graph.captured.graph.graph.nodes if is_call(n, MAX_POOL)]
    window = pool_window(pools[0])
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) - 3  # below 0, which pads must not be
    expected = F.max_pool2d(x, **arguments)
    assert window.out_hw(*SHAPE[2:]) == tuple(expected.shape[2:])
    window.verify("pool", *SHAPE[2:])
    out, inside = window_pairs(window, SHAPE)
    got = np.full(expected.numel(), -np.inf, np.float32)
    np.maximum.at(got, out, x.reshape(-1).numpy()[inside])
    np.testing.assert_array_equal(got, expected.reshape(-1).numpy())


@pytest.mark.parametrize("name", ["plain", "stride", "ceil", "oblong"])
def test_an_average_sees_what_pytorch_sees(name: str) -> None:
    arguments = {**WINDOWS[name], "count_include_pad": False}
    graph = graph_of(lambda x: F.avg_pool2d(x, **arguments) * 2, SHAPE)
    window = pool_window(node(graph, "avg_pool2d"))
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(2)).double()
    out, inside = window_pairs(window, SHAPE)
    expected = F.avg_pool2d(x, **arguments).reshape(-1).numpy()
    total = np.bincount(out, x.reshape(-1).numpy()[inside], len(expected))
    np.testing.assert_allclose(total / np.bincount(out, minlength=len(expected)), expected, rtol=1e-14, atol=1e-14)
