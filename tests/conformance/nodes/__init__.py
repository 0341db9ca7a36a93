# SPDX-License-Identifier: Apache-2.0
"""How tests make each node: one file a node, named after its op, found and not listed.

build(fields, rng)   the node and its inputs that a case of tests/cases/<op>.toml describes
grow(grower)         one more such node for a random program, if something there can feed it; says whether
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Protocol, cast

from tests.conformance.drawing import Built, Fields, Rng
from tests.conformance.grower import Grower


class Maker(Protocol):
    """A file of this folder."""

    build: Callable[[Fields, Rng], Built]
    grow: Callable[[Grower], bool]


def makers() -> dict[str, Maker]:
    """Every file of this folder by the op that it makes, sorted."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: cast(Maker, importlib.import_module(f"{__name__}.{name}")) for name in names}
