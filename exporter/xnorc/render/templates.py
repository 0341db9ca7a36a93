# SPDX-License-Identifier: Apache-2.0
"""The Jinja2 environment: C text in, C text out, nothing undefined, and no value that leaves its place.

A value is text of a model, a board or our own making; a template puts it into a comment or a statement. Whoever wrote
it, it must not end that comment, that line or that string: `harmless` sees every value that a template prints, so that
no caller can forget it. (A macro's result is Jinja's `Markup`: it has been seen value by value.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from xnorc.resources import folder


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates of the folder templates/."""
    return Environment(
        loader=FileSystemLoader(folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,  # which marks what macros return
        finalize=lambda value: value if isinstance(value, Markup) else Markup(harmless(str(value))),
    )


# What ends a line, a comment or a string, or joins a line to the next: C, the linker's language and Renode's alike.
UNSAFE = re.compile(r"[^\x20-\x7e]|\\|(?<=\*)/|(?<=/)\*|(?<=\?)\?")


def harmless(value: str) -> str:
    """`value` as one line of printable ASCII that closes nothing: every other character is a dot."""
    return UNSAFE.sub(".", value)


def render(template: str, **values: Any) -> str:
    """The text of templates/<template>."""
    return environment().get_template(template).render(**values)


def write(texts: Mapping[str, str], out: Path) -> None:
    """Write rendered texts, by file name, into the folder `out`, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
