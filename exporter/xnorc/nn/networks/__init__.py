# SPDX-License-Identifier: Apache-2.0
"""Reference networks, one file each, found by their `name`."""

from __future__ import annotations

import sys
from typing import Any

from xnorc.nn.discovery import check_kinds, check_sizes, classes, pick
from xnorc.nn.network import Network


def all_networks() -> dict[str, type[Network]]:
    """name -> class."""
    return classes(sys.modules[__name__], Network)


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
