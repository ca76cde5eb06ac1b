"""Checks that an answer of JetStream belongs to its request. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import WrongAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKED_SETTINGS = (
    "deliver_policy",
    "opt_start_seq",
    "ack_policy",
    "filter_subject",
    "filter_subjects",
    "deliver_subject",
    "headers_only",
)
"""Settings of a consumer that decide what it delivers, and where to."""


def check_consumer(
    stream: str, requested: Mapping[str, Any], found_stream: str, found_name: str, found: Mapping[str, Any]
) -> None:
    """Raise WrongAnswerError if a consumer is not the one that was requested with these settings."""
    if (found_stream, found_name) != (stream, requested["name"]):
        raise _wrong(
            stream,
            f"is about consumer {found_name!a} of stream {found_stream!a}, and {requested['name']} was requested",
        )
    for name in CHECKED_SETTINGS:
        if (found.get(name) or None) != requested.get(name):
            raise _wrong(stream, f"is about a consumer with another {name} than was requested")


def check_message(stream: str, which: Mapping[str, int | str], seq: int, subject: str) -> None:
    """Raise WrongAnswerError if a message is not the one that was requested with `which`, the body of STREAM.MSG.GET."""
    wanted = int(which.get("seq", seq))
    if seq != wanted and ("next_by_subj" not in which or seq < wanted):
        raise _wrong(stream, f"is for sequence {seq}, not {wanted}")
    wanted_subject = str(which.get("next_by_subj") or which.get("last_by_subj") or ">")
    if subject != wanted_subject and not {"*", ">"}.intersection(wanted_subject.split(".")):
        raise _wrong(stream, f"is for subject {subject!a}, not {wanted_subject!a}")


def no_message(stream: str) -> WrongAnswerError:
    """Return the error for an answer that has neither a message nor an error."""
    return _wrong(stream, "has no message and no error")


def _wrong(stream: str, what: str) -> WrongAnswerError:
    return WrongAnswerError(f"the answer about stream {stream} {what}: check which server answers")
