# SPDX-License-Identifier: Apache-2.0
"""A recipe that fails -> a smaller one that fails in the same way.

Tried in turn, and again from the start whenever something helped: drop a layer, put a branch in its joint's place, set
a setting to the kind's simplest (or a number to half), drop the recipe's own options, shrink the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from .recipe import Layer, NotANetwork, Recipe, defaults


def shrink(recipe: Recipe, fails: Callable[[Recipe], bool], tries: int = 300) -> Recipe:
    """`fails` says whether a candidate is a network that fails in the same way; at most `tries` of them are asked."""
    asked: set[Recipe] = {recipe}
    again = True
    while again:
        again = False
        for candidate in _smaller(recipe):
            if candidate in asked:
                continue
            if len(asked) >= tries:
                return recipe
            asked.add(candidate)
            try:
                if fails(candidate):
                    recipe, again = candidate, True
                    break
            except NotANetwork:
                continue
    return recipe


def _smaller(recipe: Recipe) -> Iterator[Recipe]:
    for layers in _rows(recipe.layers):
        yield replace(recipe, layers=layers)
    yield replace(recipe, mean=(), std=())
    yield replace(recipe, tie=0)
    yield replace(recipe, weight_bits=0)
    yield replace(recipe, norm="plain")
    yield replace(recipe, seed=0)
    for axis, size in enumerate(recipe.image):
        for less in (1, size // 2, size - 1):
            if 1 <= less < size:
                image = (*recipe.image[:axis], less, *recipe.image[axis + 1 :])
                mean, std = (recipe.mean, recipe.std) if axis else ((), ())  # one a channel
                yield replace(recipe, image=image, mean=mean, std=std)


def _rows(layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, ...]]:
    """Smaller rows: great steps first."""
    count = len(layers)
    for start in range(count):
        if count > 3 and start + 2 <= count:
            yield (*layers[:start], *layers[start + 2 :])
    for at in range(count):
        yield (*layers[:at], *layers[at + 1 :])
    for at, each in enumerate(layers):
        for less in _layers(each):
            yield (*layers[:at], *less, *layers[at + 1 :])


def _layers(each: Layer) -> Iterator[tuple[Layer, ...]]:
    """What one layer may be replaced by."""
    yield from each.branches
    for at, branch in enumerate(each.branches):
        for row in _rows(branch):
            yield (replace(each, branches=(*each.branches[:at], row, *each.branches[at + 1 :])),)
    usual = defaults(each.kind)
    for at, (name, value) in enumerate(each.settings):
        for simple in dict.fromkeys((usual[name], *_halves(value))):
            if simple != value:
                yield (replace(each, settings=(*each.settings[:at], (name, simple), *each.settings[at + 1 :])),)


def _halves(value: object) -> list[int]:
    if type(value) is not int or value <= 2:
        return []
    return [2, value // 2, value - 1]
