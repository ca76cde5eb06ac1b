from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether.gojson.strings import quote, unquote


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        (b'""', ""),
        ('"é😀"'.encode(), "é😀"),
        (rb'"\"\\\/\b\f\n\r\t\u0041"', '"\\/\b\f\n\r\tA'),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud800A"', "\ufffdA"),
        (rb'"\ud800\ud83d\ude00"', "\ufffd😀"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\u0000"', "\x00"),
        (b'"\x7f"', "\x7f"),
        (b'"\xff\xfe"', "\ufffd\ufffd"),
        (b'"\xe2\x82A"', "\ufffd\ufffdA"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        (b'"\xf4\x90\x80\x80"', "\ufffd" * 4),
        (b'"\\ud83d\xff\\ude00"', "\ufffd\ufffd\ufffd"),
        (b'"\\n\xff"', "\n\ufffd"),
    ],
)
def test_what_is_no_text_becomes_one_replacement_character_each(quoted: bytes, text: str) -> None:
    assert unquote(quoted) == text


@given(st.binary().map(lambda raw: raw.translate(None, b'"\\' + bytes(range(0x20)))))
@settings(deadline=None)
def test_any_bytes_become_text_that_can_be_written(raw: bytes) -> None:
    text = unquote(b'"' + raw + b'"')
    assert text.count("\ufffd") == raw.decode("utf-8", "surrogateescape").count("\ufffd") + sum(
        "\udc80" <= character <= "\udcff" for character in raw.decode("utf-8", "surrogateescape")
    )
    text.encode()


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("é😀\x7f", '"é😀\x7f"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\b\f\n\r\t\x00\x1f", r'"\b\f\n\r\t\u0000\u001f"'),
        ("<&>", r'"\u003c\u0026\u003e"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\ud800\ufffd", '"\ufffd\ufffd"'),
    ],
)
def test_text_is_quoted_as_go_quotes_it(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text())
@settings(deadline=None)
def test_quoting_and_unquoting_give_the_same_text(text: str) -> None:
    assert unquote(quote(text).encode()) == text
    assert json.loads(quote(text)) == text
