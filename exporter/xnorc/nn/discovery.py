# SPDX-License-Identifier: Apache-2.0
"""Registries by folder: every module of a package is imported, every class that carries a `name` is entered.

Errors while importing propagate; a name taken twice is an error.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any, TypeVar

from torch import nn

from xnorc.errors import XnorcError

Kind = TypeVar("Kind", bound=nn.Module)
Entry = TypeVar("Entry")


def classes(package: ModuleType, base: type[Kind]) -> dict[str, type[Kind]]:
    """name -> class, for the strict subclasses of `base` defined in the modules of `package`."""
    found: dict[str, type[Kind]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__):
                continue
            name = vars(value).get("name")
            if name is None:
                continue
            if name in found:
                raise XnorcError(package.__name__, f"{found[name].__name__} and {value.__name__} are both {name!r}")
            found[name] = value
    return found


def pick(found: dict[str, Entry], name: str, what: str) -> Entry:
    """found[name], or an error that lists the names there are."""
    if name not in found:
        raise XnorcError(what, f"there is none called {name!r}", f"one of {', '.join(sorted(found))}")
    return found[name]


def build(kind: type[Kind], what: str, name: str, *args: Any, **options: Any) -> Kind:
    """kind(*args, **options), with an error of one line for an option that the class does not have."""
    known = [key for key in inspect.signature(kind).parameters if key != "channels"]
    for key in options:
        if key not in known:
            raise XnorcError(f"{what} {name}", f"it has no option {key!r}", f"it has {', '.join(known) or 'none'}")
    return kind(*args, **options)
