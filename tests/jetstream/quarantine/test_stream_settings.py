"""The settings with which a quarantine stream is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from auditor.jetstream.quarantine.stream_settings import quarantine_stream

HOUR = 3_600 * 10**9
CONFIG = SimpleNamespace(
    stream="AETHER_QUARANTINE",
    subject_prefix="aether.quarantine",
    replicas=3,
    max_age_ns=24 * HOUR,
    max_bytes=1 << 30,
    create=True,
)
STREAM = quarantine_stream(CONFIG)
GOOD = STREAM.settings()


def test_a_stream_as_the_auditor_creates_it_is_accepted():
    assert STREAM.unsafe_settings(GOOD) == []


@pytest.mark.parametrize(
    "setting",
    [
        {"max_age": 0},
        {"max_age": 25 * HOUR},
        {"num_replicas": 5},
        {"max_bytes": 1},
        {"subjects": ["other", "aether.>"]},
        {"deny_delete": True, "deny_purge": True},
        {"max_msgs": 5},
        {"max_msg_size": -1, "mirror": None, "sources": [], "sealed": False},
    ],
)
def test_other_settings_that_keep_every_record_are_accepted(setting):
    assert STREAM.unsafe_settings(GOOD | setting) == []


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"discard": "old"}, 'discard is "old", must be "new"'),
        ({"discard_new_per_subject": False}, "discard_new_per_subject is false, must be true"),
        ({"max_msgs_per_subject": -1}, "max_msgs_per_subject is -1, must be 1"),
        ({"retention": "workqueue"}, 'retention is "workqueue", must be "limits"'),
        ({"storage": "memory"}, 'storage is "memory", must be "file"'),
        ({"max_bytes": -1}, "max_bytes is unlimited, must be a limit such as 1073741824"),
        ({"max_age": HOUR}, "max_age is 3600s, must be at least 86400s"),
        ({"num_replicas": 1}, "num_replicas is 1, must be at least 3"),
        ({"subjects": ["other.>"]}, 'subjects are ["other.>"], must cover aether.quarantine.>'),
        ({"subjects": None}, "subjects are null, must cover aether.quarantine.>"),
        ({"mirror": {"name": "X"}}, "mirror is set, must not be"),
        ({"sources": [{"name": "X"}]}, "sources is set, must not be"),
        ({"allow_rollup_hdrs": True}, "allow_rollup_hdrs is set, must not be"),
        ({"allow_msg_counter": True}, "allow_msg_counter is set, must not be"),
        ({"no_ack": True}, "no_ack is set, must not be"),
        ({"sealed": True}, "sealed is set, must not be"),
        ({"max_msg_size": 1000}, "max_msg_size is set, must not be"),
        ({"subject_transform": {"src": ">", "dest": "x.>"}}, "subject_transform is set, must not be"),
        ({"persist_mode": "async"}, "persist_mode is set, must not be"),
    ],
)
def test_a_setting_that_could_lose_a_record_or_fill_the_disk_is_named_with_what_is_needed(setting, line):
    assert STREAM.unsafe_settings(GOOD | setting) == [line]


def test_every_unsafe_setting_is_named():
    found = GOOD | {"discard": "old", "max_bytes": -1}
    assert len(STREAM.unsafe_settings(found)) == 2


def test_a_stream_with_an_age_limit_is_unsafe_if_records_are_kept_forever():
    config = SimpleNamespace(**vars(CONFIG) | {"max_age_ns": 0})
    found = quarantine_stream(config).settings() | {"max_age": 10**9}
    assert quarantine_stream(config).unsafe_settings(found) == ["max_age is 1s, must be 0 (for ever)"]
