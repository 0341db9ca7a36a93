# SPDX-License-Identifier: Apache-2.0
"""Random networks of fixed seeds: refused in one line, or the module itself in numpy and in C (see `judge.py`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.nn import all_binarizers

from .campaign import Summary, try_recipe, try_seed
from .generate import BORDERS, random_recipe
from .network import network, text_of
from .recipe import KINDS, NotANetwork, Recipe, layer
from .shrink import shrink
from .spellings import ACTIVATIONS, AHEAD, TILES, WEIGHTS

GROUPS = (
    (400000, 400040, 400092, 400108, 400120, 500070, 500217, 600033, 600121, 600140),
    (400004, 400134, 400152, 500120, 500143, 500206, 500209, 600047, 600122, 700008),
    (400010, 400026, 400034, 400053, 400082, 400090, 400170, 500081, 500095, 600102),
    (400009, 400074, 400077, 400096, 400173, 500106, 500172, 500175, 500211, 600021),
    (400003, 400044, 400078, 400109, 500117, 500180, 600099, 600107, 600137, 700015),
    (400018, 500030, 500082, 500168, 500242, 600027, 600081, 600095, 700007, 700016),
    (400065, 400071, 400081, 500049, 500113, 500116, 500156, 500225, 600056, 600110),
    (400076, 400093, 500025, 500091, 500096, 600041, 600097, 600108, 600138, 700000),
    (400099, 400138, 400163, 500139, 500187, 600054, 600071, 600091, 600129, 700003),
    (400012, 400062, 500001, 500002, 500069, 500078, 500123, 500127, 500177, 500252),
)
SHARE = 2 / 3  # of the networks must be exported


@pytest.mark.host
@pytest.mark.parametrize("seeds", GROUPS, ids=lambda seeds: str(seeds[0]))
def test_random_networks_are_their_modules_or_are_refused(
    seeds: tuple[int, ...], need: Callable[..., None], tmp_path: Path
) -> None:
    need("gcc")
    summary = Summary()
    for seed in seeds:
        summary.add(*try_seed(seed, tmp_path))
    assert not summary.findings, "\n\n".join(f"seed {seed}: {found.detail}" for seed, found in summary.findings)
    assert summary.exact + summary.rounded >= SHARE * len(seeds), summary.table()


def test_the_networks_have_every_kind_and_spelling_in_them() -> None:
    had = set().union(*(random_recipe(seed).tags() for group in GROUPS for seed in group))
    wanted = {
        *KINDS,
        *(f"binarize.spelling={name}" for name in ACTIVATIONS),
        *(f"conv.weight={name}" for name in WEIGHTS),
        *(f"ahead.spelling={name}" for name in AHEAD),
        *(f"dither.spelling={name}" for name in TILES),
        *(f"nn_binarizer.name={name}" for name in all_binarizers()),
        *(f"norm={how}" for how in ("plain", "whole", "wild")),
        *("inputs=1d", "inputs=3d", "mean", "std", "tie", "weight_bits"),
        *("conv.stride", "conv.dilation", "conv.groups", "conv.bias", "max_pool.ceil", "max_pool.pad", "avg_pool.pad"),
        *(f"conv.border={how}" for how in BORDERS),
    }
    assert wanted <= had, sorted(wanted - had)


def test_equal_seeds_give_equal_networks() -> None:
    assert random_recipe(11) == random_recipe(11)
    assert text_of(random_recipe(11)) == text_of(random_recipe(11))


def test_a_network_prints_as_a_file_that_gives_the_same_network(tmp_path: Path) -> None:
    first = network(random_recipe(12), tmp_path / "a.py")
    space = {"layer": layer, "Recipe": Recipe}
    again = network(eval(repr(first.recipe), space), tmp_path / "b.py")
    assert again.recipe == first.recipe
    assert (again.eager() == first.eager()).all()


def test_the_shrinker_keeps_what_fails_and_little_else() -> None:
    def fails(recipe: Recipe) -> bool:
        recipe.source()
        return any(each.kind == "max_pool" for each in recipe.walk())

    seed = next(s for s in range(100) if any(each.kind == "max_pool" for each in random_recipe(s).walk()))
    small = shrink(random_recipe(seed), fails)
    assert [each.kind for each in small.layers] == ["max_pool"]
    assert all(size <= 3 for size in small.image)


def test_a_recipe_that_pytorch_refuses_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(NotANetwork):
        try_recipe(Recipe((1, 4, 4), (layer("conv", out=2, k=5), layer("flatten"))), tmp_path)


def test_every_kind_has_a_form_without_settings() -> None:
    for name in KINDS:
        shape = (8,) if name in ("linear", "real_linear") else (8, 8, 8)
        Recipe(shape, (layer(name),)).source()
