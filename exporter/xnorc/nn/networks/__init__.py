# SPDX-License-Identifier: Apache-2.0
"""Reference networks, one file each, found by their `name`."""

from __future__ import annotations

import sys
from typing import Any

from xnorc.nn.binarizers import all_binarizers
from xnorc.nn.discovery import check_kinds, check_sizes, classes, pick
from xnorc.nn.network import Network


def all_networks() -> dict[str, type[Network]]:
    """name -> class."""
    return classes(sys.modules[__name__], Network)


def with_choices(options: dict[str, Any], choices: dict[str, Any]) -> dict[str, Any]:
    """The [network] table of a recipe with other choices: a binarizer that gives way takes its own options with it.

    Options that the new binarizer has too stay.  Nothing is checked: `make_network` does that.
    """
    before, after = options.get("binarizer"), choices.get("binarizer", options.get("binarizer"))
    kinds = all_binarizers()
    if before == after or before not in kinds or after not in kinds:
        return {**options, **choices}
    lost = kinds[before].option_names() - kinds[after].option_names()
    return {**{key: value for key, value in options.items() if key not in lost}, **choices}


def make_network(name: str, classes: int = 10, **options: Any) -> Network:
    """A network by name; options are those of `Network`'s subclasses.

    Raises:
        XnorcError: no such network, an option that neither it nor its binarizer has, or a value of another type.
    """
    kind: Any = pick(all_networks(), name, "network")
    check_sizes(f"network {name}", classes=classes)
    for base in (kind, Network):
        check_kinds(base, f"network {name}", options)
    made: Network = kind(classes, **options)
    return made
