"""Single values are checked."""

from __future__ import annotations

import pytest

from auditor.config.rules import cron_line, cross_field_problems, nats_name, server_url, subject_prefix


@pytest.mark.parametrize(
    "text", ["*/5 * * * *", "0 3 * * *", "0,30 8-18/2 1 jan-mar mon-fri", "59 23 31 12 7", "0 0 * * SUN"]
)
def test_a_cron_line_has_five_fields_in_their_ranges(text: str) -> None:
    assert cron_line(text) == text


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1-2-3 * * * *", "1,, * * * *", "@daily"]
)  # fmt: skip
def test_what_is_no_cron_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron line|is not"):
        cron_line(text)


@pytest.mark.parametrize("url", ["nats://h:4222", "tls://h", "wss://h:443", "nats://[::1]:4222", "nats://u:p@h"])
def test_a_server_is_a_url(url: str) -> None:
    assert server_url(url) == url


@pytest.mark.parametrize("url", ["h:4222", "http://h", "nats://", "nats://h:99999", "nats://h:x", ""])
def test_what_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        server_url(url)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "*", "a>", "a/b", "a\\b", "a\x00", "a\n"])
def test_what_jetstream_forbids_is_no_stream_name(name: str) -> None:
    with pytest.raises(ValueError, match="stream's name"):
        nats_name(name)


@pytest.mark.parametrize("prefix", ["", "a..b", "a.", ".a", "a.*", ">", "a b"])
def test_a_prefix_is_literal_tokens(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot begin a subject"):
        subject_prefix(prefix)


@pytest.mark.parametrize(
    ("quarantine", "state", "problem"),
    [
        ("q", "q", "state.subject_prefix"),
        ("q", "q.state", "state.subject_prefix"),
        ("q.records", "q", "state.subject_prefix"),
        ("q.records", "q.state", None),
        ("q", "qq", None),
        ("ORDERS", "s", "quarantine.subject_prefix"),
        ("ORDERS.events.q", "s", "quarantine.subject_prefix"),
        ("q", "ORDERS.snapshots", "state.subject_prefix"),
        ("ORDERS.records", "s", None),
        (1, "s", None),
        ("q", None, None),
    ],
)
def test_subjects_of_the_auditor_overlap_neither_each_other_nor_those_of_an_audited_stream(
    quarantine: object, state: object, problem: str | None
) -> None:
    tree = {
        "audits": ({"name": "orders", "stream": "ORDERS"},),
        "quarantine": {"subject_prefix": quarantine},
        "state": {"subject_prefix": state},
    }
    assert [path for path, _ in cross_field_problems(tree)] == ([problem] if problem else [])
