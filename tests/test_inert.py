# SPDX-License-Identifier: Apache-2.0
"""What a file or a device says is shown and never obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorc.errors import XnorcError
from xnorc.inert import inert, is_inert


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\u202etxt", "\\u202etxt"),
        ("\ud800", "\\ud800"),
        ("Größe 3 µm, 漢字", "Größe 3 µm, 漢字"),
    ],
)
def test_what_would_be_obeyed_is_spelt_out(text: str, shown: str) -> None:
    assert inert(text) == shown
    assert is_inert(text) == (text == shown)


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_that_can_be_sent(text: str) -> None:
    shown = inert(text)
    assert is_inert(shown)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert len(shown.splitlines()) <= 1


def test_an_error_that_quotes_a_file_is_one_inert_line() -> None:
    error = XnorcError("a\nb", "says \x1b[2J", "see \ud800")
    assert str(error) == "a\\nb: says \\x1b[2J (see \\ud800)"
