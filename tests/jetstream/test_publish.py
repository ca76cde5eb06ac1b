"""The meaning of replies to a publish. The live tests show that real servers give such replies."""

from __future__ import annotations

import json

import pytest

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.jetstream.publish import Published, SequenceConflictError, _published, _RetryableError


def error(code: int) -> bytes:
    return json.dumps({"error": {"code": 503, "err_code": code, "description": "as described"}}).encode()


def meaning(reply: bytes, *, outcome_unknown: bool = False) -> Published:
    return _published(reply, "S", "it", outcome_unknown=outcome_unknown)


def test_an_acknowledgement_gives_the_sequence_and_whether_it_is_a_duplicate() -> None:
    assert meaning(b'{"stream":"S","seq":7}') == (7, False)
    assert meaning(b'{"stream":"S","seq":7,"duplicate":true}') == (7, True)


@pytest.mark.parametrize("code", [10008, 10009, 10158, 10163, 10164, 10167])
def test_an_error_that_passes_is_retried(code: int) -> None:
    with pytest.raises(_RetryableError, match=f"error {code}"):
        meaning(error(code))


def test_another_last_sequence_is_a_conflict() -> None:
    with pytest.raises(SequenceConflictError):
        meaning(error(10071))


@pytest.mark.parametrize("code", [10077, 10023, 10054, 99999])
def test_any_other_error_means_not_stored_unless_an_earlier_answer_was_lost(code: int) -> None:
    with pytest.raises(NotStoredError, match=f"error {code}"):
        meaning(error(code))
    with pytest.raises(UnknownOutcomeError, match=f"error {code}"):
        meaning(error(code), outcome_unknown=True)


def test_an_acknowledgement_of_another_stream_leaves_the_outcome_unknown() -> None:
    with pytest.raises(UnknownOutcomeError, match="'OTHER'"):
        meaning(b'{"stream":"OTHER","seq":7}')


@pytest.mark.parametrize("reply", [b"", b"ok", b"[]", b"{}", b'{"stream":"S"}', b"\xff"])
def test_an_answer_that_is_not_jetstream_s_leaves_the_outcome_unknown(reply: bytes) -> None:
    with pytest.raises(UnknownOutcomeError, match="the answer of stream S is not JetStream's"):
        meaning(reply)
