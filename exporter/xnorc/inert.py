# SPDX-License-Identifier: Apache-2.0
"""Text that came from a file or a device, made inert: it is shown, and nothing obeys it.

A terminal obeys control characters, and text direction marks turn a line around; JSON may hold half a surrogate pair,
which no terminal can be sent.  All of these become visible escapes.
"""

from __future__ import annotations

import unicodedata

# Cc: control; Cf: format, as U+202E, which turns text around; Cs: half a pair; Co, Cn: unassigned; Zl, Zp: line ends.
OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def inert(text: str) -> str:
    """`text` on one line, with an escape such as \\x1b or \\u202e for every character that could be obeyed."""
    return "".join(_escape(c) if unicodedata.category(c) in OBEYED else c for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def is_inert(text: str) -> bool:
    """Whether `inert` leaves it as it is."""
    return inert(text) == text
