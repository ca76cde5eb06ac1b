"""An answer of JetStream must belong to its request."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.errors import WrongAnswerError
from auditor.jetstream.answers import check_consumer, check_message

REQUESTED = {"name": "c", "deliver_policy": "by_start_sequence", "opt_start_seq": 5, "ack_policy": "none"}


def test_a_consumer_may_have_further_settings_that_do_not_change_what_it_delivers() -> None:
    check_consumer("S", REQUESTED, "S", "c", {**REQUESTED, "max_waiting": 512, "headers_only": False})


@pytest.mark.parametrize(
    "found",
    [
        {"deliver_policy": "new"},
        {"opt_start_seq": 6},
        {"opt_start_seq": "5"},
        {"ack_policy": "explicit"},
        {"filter_subject": "S.x"},
        {"filter_subjects": ["S.x"]},
        {"deliver_subject": "x"},
        {"headers_only": True},
    ],
)
def test_a_consumer_with_another_setting_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswerError, match=f"with another {next(iter(found))} than was requested"):
        check_consumer("S", REQUESTED, "S", "c", {**REQUESTED, **found})


@pytest.mark.parametrize("missing", ["deliver_policy", "opt_start_seq", "ack_policy"])
def test_a_consumer_without_a_setting_is_refused(missing: str) -> None:
    found = {name: value for name, value in REQUESTED.items() if name != missing}
    with pytest.raises(WrongAnswerError, match=missing):
        check_consumer("S", REQUESTED, "S", "c", found)


@pytest.mark.parametrize(("stream", "name"), [("T", "c"), ("S", "d"), ("", "")])
def test_another_consumer_is_refused(stream: str, name: str) -> None:
    with pytest.raises(WrongAnswerError, match="and c was requested"):
        check_consumer("S", REQUESTED, stream, name, REQUESTED)


@pytest.mark.parametrize(
    ("which", "seq", "subject"),
    [
        ({"seq": 7}, 7, "S.x"),
        ({"seq": 7, "next_by_subj": ">"}, 9, "S.x"),
        ({"seq": 7, "next_by_subj": "S.x"}, 7, "S.x"),
        ({"last_by_subj": "S.x"}, 3, "S.x"),
        ({"last_by_subj": "S.*"}, 3, "S.x"),
    ],
)
def test_the_requested_message_is_accepted(which: dict[str, int | str], seq: int, subject: str) -> None:
    check_message("S", which, seq, subject)


@pytest.mark.parametrize(
    ("which", "seq", "subject"),
    [
        ({"seq": 7}, 8, "S.x"),
        ({"seq": 7, "next_by_subj": ">"}, 6, "S.x"),
        ({"seq": 7, "next_by_subj": "S.x"}, 7, "S.y"),
        ({"last_by_subj": "S.x"}, 3, "S.y"),
    ],
)
def test_another_message_is_refused(which: dict[str, int | str], seq: int, subject: str) -> None:
    with pytest.raises(WrongAnswerError, match="check which server answers"):
        check_message("S", which, seq, subject)
