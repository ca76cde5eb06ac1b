"""Single values are checked."""

from __future__ import annotations

import pytest

from auditor.config.rules import cross_field_problems, nats_name, server_url, subject_prefix


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


def test_a_name_or_a_prefix_is_at_most_255_bytes_long() -> None:
    for rule in (nats_name, subject_prefix):
        assert rule("é" * 127) == "é" * 127
        with pytest.raises(ValueError, match="longer than 255 bytes"):
            rule("é" * 128)


@pytest.mark.parametrize(
    ("servers", "problem"),
    [
        (("nats://a", "tls://b"), None),
        (("ws://a", "wss://b"), None),
        (("nats://a", "wss://b"), "nats.servers"),
        (5, None),
    ],
)
def test_websocket_servers_are_not_combined_with_others(servers: object, problem: str | None) -> None:
    found = [path for path, _ in cross_field_problems({"nats": {"servers": servers}})]
    assert found == ([problem] if problem else [])


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
