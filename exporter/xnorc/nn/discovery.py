# SPDX-License-Identifier: Apache-2.0
"""Registries by folder: every module of a package is imported, every class that carries a `name` is entered.

Errors while importing propagate; a name taken twice is an error.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from types import ModuleType
from typing import Any, TypeVar

from torch import nn

from xnorc.errors import XnorcError

Kind = TypeVar("Kind", bound=nn.Module)
Entry = TypeVar("Entry")
PLAIN: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}


def classes(package: ModuleType, base: type[Kind]) -> dict[str, type[Kind]]:
    """name -> class, for the strict subclasses of `base` defined in the modules of `package`."""
    found: dict[str, type[Kind]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__):
                continue
            name = vars(value).get("name")
            if name is None and not value.__name__.startswith("_") and not inspect.isabstract(value):
                raise XnorcError(
                    f"{module.__name__}.{value.__name__}", "has no `name`", "the word that recipes call it by"
                )
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
    where = f"{what} {name}"
    known = [key for key in inspect.signature(kind).parameters if key not in ("channels", "out_ch")]
    for key in options:
        if key not in known:
            raise XnorcError(where, f"it has no option {key!r}", f"it has {', '.join(known) or 'none'}")
    check_kinds(kind, where, options)
    return kind(*args, **options)


def check_kinds(kind: type[nn.Module], where: str, options: dict[str, Any]) -> None:
    """Refuse options whose value is not of the plain type that the constructor of `kind` asks for.

    Numbers must be positive: those among the options of this package are sizes, factors and ratios.  A class whose own
    may be 0 or less names them in `signed`.

    Raises:
        XnorcError: names the option, its value and the type.
    """
    parameters = inspect.signature(kind.__init__).parameters
    for key, value in options.items():
        asked = str(parameters[key].annotation) if key in parameters else ""
        if asked not in PLAIN:
            continue
        if not isinstance(value, PLAIN[asked]) or (isinstance(value, bool) and asked != "bool"):
            raise XnorcError(where, f"{key} is {value!r}", f"a value of type {asked}")
        if not isinstance(value, int | float) or asked == "bool":
            continue
        if not math.isfinite(value) or (value <= 0 and key not in getattr(kind, "signed", ())):
            raise XnorcError(where, f"{key} is {value}", "a positive number")


def check_sizes(where: str, **sizes: Any) -> None:
    """Refuse sizes that are not whole numbers of 1 or more.

    Raises:
        XnorcError: names the size and its value.
    """
    for key, value in sizes.items():
        if type(value) is not int or value < 1:
            raise XnorcError(where, f"{key} is {value!r}", "a whole number, 1 or more")
