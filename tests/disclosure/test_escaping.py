"""What strangers wrote is shown on one line, as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.disclosure.escaping import escaped, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb.tif", r"a\nb.tif"),
        ("a\r\x1b[2Kb", r"a\r\x1b[2Kb"),
        ("fit\u202egnp.exe", r"fit\u202egnp.exe"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("a\udcffb", r"a\udcffb"),
        ("Größe 日本 ½.tif", "Größe 日本 ½.tif"),
    ],
)
def test_what_a_terminal_acts_upon_is_shown(text, shown):
    assert escaped(text) == shown


def test_lines_may_be_kept():
    assert escaped("a\n\tb\x1b", lines=True) == "a\n\\tb\\x1b"


@given(st.text())
def test_one_line_stays_one_line(text):
    assert len(safe_text(text).splitlines()) <= 1
    assert safe_text(safe_text(text)) == safe_text(text)
