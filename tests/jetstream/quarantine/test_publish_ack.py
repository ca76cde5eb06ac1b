"""The meaning of replies of the quarantine stream. The live tests show that real servers give such replies."""

from __future__ import annotations

import json

import pytest

from auditor.errors import ConnectionFailedError, QuarantineStreamError
from auditor.jetstream.quarantine.publish_ack import stored_seq

STREAM = "AETHER_QUARANTINE"


def error(code: int, description: str) -> bytes:
    return json.dumps({"error": {"code": 503, "err_code": code, "description": description}}).encode()


def refusal(reply: bytes) -> str:
    with pytest.raises(QuarantineStreamError) as raised:
        stored_seq(reply, STREAM)
    return str(raised.value)


def test_an_acknowledgement_of_the_quarantine_stream_means_stored():
    assert stored_seq(b'{"stream":"AETHER_QUARANTINE","seq":7}', STREAM) == 7


def test_an_acknowledgement_of_a_duplicate_does_not_mean_stored():
    assert stored_seq(b'{"stream":"AETHER_QUARANTINE","seq":7,"duplicate":true}', STREAM) == 0


def test_an_acknowledgement_of_another_stream_is_an_error():
    why = refusal(b'{"stream":"ORDERS","seq":7}')
    assert why == "stream ORDERS stored a record instead of AETHER_QUARANTINE: remove the subject from ORDERS"


@pytest.mark.parametrize(
    ("code", "description"), [(10071, "wrong last sequence: 1"), (10077, "maximum messages per subject exceeded")]
)
def test_a_subject_that_holds_a_record_means_stored_before(code, description):
    assert stored_seq(error(code, description), STREAM) == 0


@pytest.mark.parametrize("limit", ["maximum bytes exceeded", "maximum messages exceeded"])
def test_the_error_of_a_full_quarantine_stream_says_what_to_do(limit):
    why = f"stream AETHER_QUARANTINE is full ({limit}): raise its limit, or export records and delete them"
    assert refusal(error(10077, limit)) == why


@pytest.mark.parametrize("code", [10077, 10023, 10054, 99999])
def test_any_other_error_is_raised_with_the_description_of_the_server(code):
    why = f"stream AETHER_QUARANTINE refuses records: no space left on device (error {code})"
    assert refusal(error(code, "no space left on device")) == why


@pytest.mark.parametrize("code", [10008, 10009, 10158, 10163, 10164, 10167])
def test_a_temporary_error_asks_for_a_retry(code):
    with pytest.raises(ConnectionFailedError, match="cannot store records at present: wrong last sequence"):
        stored_seq(error(code, "wrong last sequence"), STREAM)


@pytest.mark.parametrize(
    "reply",
    [b"", b"ok", b"[]", b"{}", b"null", b'{"error":1}', b'{"stream":"AETHER_QUARANTINE"}', b"\xff", b"[" * 9999],
)
def test_a_reply_that_is_not_jetstream_s_asks_for_a_retry(reply):
    with pytest.raises(ConnectionFailedError, match="the answer of stream AETHER_QUARANTINE is not JetStream's"):
        stored_seq(reply, STREAM)
