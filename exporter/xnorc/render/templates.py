# SPDX-License-Identifier: Apache-2.0
"""The Jinja2 environment: C text in, C text out, nothing undefined, nothing escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
        autoescape=False,
    )


def render(template: str, **values: Any) -> str:
    """The text of templates/<template>."""
    return environment().get_template(template).render(**values)


def write(texts: Mapping[str, str], out: Path) -> None:
    """Write rendered texts, by file name, into the folder `out`, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
