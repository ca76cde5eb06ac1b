"""The key of a record names the stream, its epoch, the sequence and the bytes."""

from __future__ import annotations

import hashlib

from auditor.core.model.findings import Kind
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry

CREATED_NS = 1_763_884_800_999_999_999


def entry(*, seq: int = 17, data: bytes = b'{"id"', created_ns: int = CREATED_NS) -> QuarantineEntry:
    message = StoredMessage(seq, 1, b"ORDERS.events.order.order-1", None, data)
    return QuarantineEntry("ORDERS", created_ns, message, Kind.MALFORMED_EVENT, "syntax", "cut off")


def test_the_key_names_stream_epoch_sequence_and_content():
    digest = hashlib.sha256(b'{"id"').hexdigest()
    assert entry().key == f"ORDERS.1763884800.17.{digest[:12]}"


def test_the_epoch_is_rounded_down():
    assert entry(created_ns=CREATED_NS + 1).key.split(".")[1] == "1763884801"


def test_a_sequence_that_is_used_again_for_other_bytes_has_another_key():
    assert entry().key != entry(data=b'{"id":').key


def test_an_empty_body_has_a_key_of_its_own():
    assert entry(data=b"").key == "ORDERS.1763884800.17.e3b0c44298fc"
