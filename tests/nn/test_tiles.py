# SPDX-License-Identifier: Apache-2.0
"""DeSign's tiles against the published tables, their controls, and the search that ranks them."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.errors import XnorcError
from xnorc.nn import tiles
from xnorc.nn.tile_search import dithered, first_sums, search_tiles, total_variation
from xnorc.nn.tiles import SCALE, SYMBOLS, tile

CYCLE = (0, 1, 3, 5, 7, 9)
COMPLEMENT = {0: 9, 9: 0, 1: 7, 7: 1, 3: 5, 5: 3}


def shifted(first: list[list[int]], times: int) -> list[list[list[int]]]:
    """The published construction: each slice advances every symbol by one in the cyclic list."""
    return [[[CYCLE[(CYCLE.index(s) + k) % 6] for s in row] for row in first] for k in range(times)]


@pytest.mark.parametrize(
    ("name", "first"), [("2x2x4v1", "2x2v1"), ("2x2x4v2", "2x2v2"), ("3x3x4", None)], ids=lambda v: str(v)
)
def test_shifted_tiles_advance_every_symbol(name: str, first: str | None) -> None:
    assert SYMBOLS[name] == shifted(SYMBOLS[first][0] if first else SYMBOLS[name][0], 4)


@pytest.mark.parametrize(("name", "first"), [("2x2x2complement_v1", "2x2v1"), ("2x2x2complement_v2", "2x2v2")])
def test_complement_tiles_swap_every_symbol(name: str, first: str) -> None:
    start = SYMBOLS[first][0]
    assert SYMBOLS[name] == [start, [[COMPLEMENT[s] for s in row] for row in start]]


def test_symmetric_tiles_equal_their_transposes_and_rotations() -> None:
    for name in ("3x3v1", "3x3v2", "3x3v3", "3x3x4", "3x3x2complement"):
        for one in tile(name):
            assert np.array_equal(one, one.T)
            assert np.array_equal(one, np.rot90(one, 2))


def test_thresholds_are_the_shipped_ones() -> None:
    assert (
        tile("2x2v1").tolist() == np.array([[[0.63100557, 0.63100557], [0.31178307, 0.96713846]]], np.float32).tolist()
    )
    assert list(SCALE.values()) == sorted(SCALE.values())
    # P(N(0, 1) > T) of the published table, to its three digits
    from math import erfc, sqrt

    shares = [round(erfc(t / sqrt(2)) / 2, 3) for t in SCALE.values()]
    assert shares == [0.378, 0.264, 0.167, 0.091, 0.039, 0.01]


@pytest.mark.parametrize("name", tiles.names())
def test_every_named_tile_is_a_stack_of_small_maps(name: str) -> None:
    values = tile(name)
    assert values.dtype == np.float32
    assert values.ndim == 3
    assert values.shape[1] == values.shape[2] <= 3


def test_the_baseline_tile_holds_the_four_thresholds_of_another_quantiser_in_every_place() -> None:
    slices = tile("2x2x4baseline")
    levels = np.array([0.41900698, 0.85981385, 1.35667966, 1.99840603], np.float32)
    for one in slices:
        assert sorted(one.ravel()) == levels.tolist()
    for y, x in np.ndindex(2, 2):
        assert sorted(slices[:, y, x]) == levels.tolist()


def test_the_random_tile_was_drawn_from_a_normal_distribution_of_a_twentieth() -> None:
    drawn = np.random.default_rng(0).normal(0, 0.05, (1, 2, 2))
    np.testing.assert_allclose(tile("2x2random"), drawn, atol=1e-8)


def test_symbols_that_the_search_finds_become_thresholds() -> None:
    assert np.array_equal(tiles.thresholds(((1, 3), (3, 1)))[None], tile("2x2checkerboard"))
    for name, symbols in SYMBOLS.items():
        assert np.array_equal(tiles.thresholds(symbols), tile(name))
    for wrong in ([[2]], [[1, 3], [3]], "2x2v1"):
        with pytest.raises(XnorcError, match="tile: the symbols"):
            tiles.thresholds(wrong)


@pytest.mark.parametrize("name", [*SYMBOLS, *tiles.REAL])
def test_controls_split_a_tile_into_its_pattern_and_its_offset(name: str) -> None:
    pattern, offset = tile(name + "-zeromean"), tile(name + "-uniform")
    assert offset.shape == (1, 1, 1)
    assert abs(pattern.mean()) < 1e-6
    np.testing.assert_allclose(pattern + offset, tile(name), rtol=1e-6, atol=1e-8)


def scenes(count: int = 12, size: int = 32) -> np.ndarray:
    """Smooth random images in [0, 1]: noise with a 1/f spectrum, as natural images have."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(rng.normal(size=(count, size, size))) / frequency**1.3
    images = np.fft.ifft2(spectrum).real
    low, high = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    return (images - low) / (high - low)


def test_the_checkerboard_of_1_and_3_has_the_highest_total_variation() -> None:
    ranked = search_tiles(scenes())
    assert len(ranked) == 1296
    assert {ranked[0].tile, ranked[1].tile} == {((1, 3), (3, 1)), ((3, 1), (1, 3))}
    place = {candidate.tile: number for number, candidate in enumerate(ranked)}
    # the order that the published scores give
    order = [((1, 3), (3, 1)), ((1, 1), (3, 3)), ((1, 1), (0, 3)), ((1, 1), (1, 1)), ((0, 0), (0, 0))]
    assert sorted(order, key=place.__getitem__) == order
    assert ranked[-1].variation == 0


def test_total_variation_is_the_mean_length_of_forward_differences() -> None:
    image = np.array([[0.0, 3.0, 3.0], [4.0, 7.0, 1.0], [4.0, 4.0, 4.0]])
    lengths = [5.0, 4.0, 3.0, np.hypot(6, 3)]  # at (0,0) (0,1) (1,0) (1,1)
    assert total_variation(image[None]) == pytest.approx(np.mean(lengths))


def test_sums_are_those_of_a_loop() -> None:
    image, kernel = scenes(1, 6), np.random.default_rng(6).choice((-1, 1), (3, 3))
    sums = first_sums(image, kernel)
    for y in range(4):
        for x in range(4):
            signs = [1 if image[0, y + i, x + j] > 0.5 else -1 for i in range(3) for j in range(3)]
            assert sums[0, y, x] == max(0, int(np.dot(signs, kernel.ravel())))
    bits = dithered(sums, np.array([[1, 3], [3, 1]]), dequantised=False)
    assert bits[0, 1, 0] == (sums[0, 1, 0] >= 3)


@pytest.mark.parametrize(
    ("images", "size", "says"),
    [
        (np.zeros((2, 32, 32, 3)), (2, 2), "images of shape"),
        (np.zeros((0, 32, 32)), (2, 2), "images of shape"),
        (np.full((2, 32, 32), 255, np.uint8), (2, 2), "divide bytes by 255"),
        (np.full((2, 32, 32), np.nan), (2, 2), "pixels from nan"),
        (np.zeros((2, 32, 32)), (3, 3), "one of 1x1, 1x2"),
    ],
)
def test_what_cannot_be_searched_is_refused(images: np.ndarray, size: tuple[int, int], says: str) -> None:
    with pytest.raises(XnorcError, match=says):
        search_tiles(images, size)
