from __future__ import annotations

from datetime import timedelta

import pytest

from auditor.jetstream.eventstore.stream_settings import event_stream_settings, unsuitable_settings

SETTINGS = event_stream_settings("S", replicas=1, max_age=timedelta(days=365))


def test_the_settings_are_those_of_the_go_code():
    assert SETTINGS == {
        "name": "S",
        "subjects": ["S.events.>", "S.snapshots.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": 365 * 24 * 3_600 * 1_000_000_000,
        "num_replicas": 1,
    }
    assert unsuitable_settings("S", SETTINGS) == []


def test_max_age_is_exact_to_the_microsecond():
    exact = timedelta(days=9_000, seconds=3, microseconds=7)
    settings = event_stream_settings("S", replicas=3, max_age=exact)
    assert (settings["max_age"], settings["num_replicas"]) == (777_600_003_000_007_000, 3)


@pytest.mark.parametrize(
    "setting",
    [
        {"subjects": ["S.>"]},
        {"subjects": [">"]},
        {"subjects": ["S.*.>", "T"]},
        {"storage": "memory"},
        {"max_age": 1},
        {"max_msgs": 5, "discard": "new"},
        {"max_msgs_per_subject": -1},
    ],
)
def test_other_limits_and_wider_subjects_are_accepted(setting):
    assert unsuitable_settings("S", SETTINGS | setting) == []


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"retention": "workqueue"}, 'retention is "workqueue", must be "limits"'),
        (
            {"max_msgs_per_subject": 1},
            "max_msgs_per_subject is set (the server removes earlier events of an actor)",
        ),
        ({"sealed": True}, "sealed is set (the stream takes no messages any more)"),
        ({"mirror": {"name": "T"}}, "mirror is set (a mirror takes no messages)"),
        ({"no_ack": True}, "no_ack is set (the server would not confirm what it stores)"),
        ({"allow_msg_counter": True}, "allow_msg_counter is set (the stream takes counters and nothing else)"),
        (
            {"subject_transform": {"src": ">", "dest": "x.>"}},
            "subject_transform is set (messages would be stored on other subjects)",
        ),
        ({"subjects": ["S.events.>"]}, 'subjects are ["S.events.>"], must cover S.snapshots.>'),
        (
            {"subjects": ["S.events.*.*", "S.snapshots.>"]},
            'subjects are ["S.events.*.*", "S.snapshots.>"], must cover S.events.>',
        ),
    ],
)
def test_a_setting_that_refuses_or_loses_events_is_named(setting, problem):
    assert unsuitable_settings("S", SETTINGS | setting) == [problem]
