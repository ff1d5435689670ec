"""HTML of strangers' texts: nothing of them is markup, forges lines or tells secrets."""

from __future__ import annotations

from rastercollection.disclosure import markup


def test_texts_are_texts_wherever_they_stand() -> None:
    text = '<b a="1">&\u202e\x1b'
    shown = "".join(
        [
            markup.card(text, [markup.badge(text)], markup.facts({text: markup.code(text)})),
            markup.table((text,), [(markup.safe(text),)]),
            markup.folded(text, "x"),
            markup.link(text, text),
            markup.picture("data:x", text, "map"),
        ]
    )
    assert "<b " not in shown
    assert not {"\u202e", "\x1b"} & set(shown)
    assert shown.count("&lt;b a=&quot;1&quot;&gt;&amp;") == 10


def test_secrets_are_left_out_and_long_texts_cut() -> None:
    assert "hunter2" not in markup.safe("postgresql://u:hunter2@host/db")
    assert markup.safe("ab&cd", most=4) == "ab&amp;…"


def test_empty_parts_leave_nothing_behind() -> None:
    assert (markup.folded("x", ""), markup.picture("", "x", "map"), markup.paragraph(""), markup.facts({"x": ""})) == (
        ("",) * 4
    )
    assert "<h4>" not in markup.card("", [], "x")


def test_sizes_in_words() -> None:
    assert [markup.byte_count(size) for size in (0, 999, 12_300, 117_000, 5.5e9, 3e12)] == [
        *("0 B", "999 B", "12.3 kB", "117 kB", "5.5 GB", "3.0 TB")
    ]
