"""Decides from the reply to a publish whether the quarantine stream stored the record. Pure."""

from __future__ import annotations

from auditor.errors import ConnectionFailedError, QuarantineStreamError
from auditor.jetstream.api import RETRYABLE_CODES, STORE_FAILED, WRONG_LAST_SEQUENCE, decode_ack

PER_SUBJECT_LIMIT = "maximum messages per subject exceeded"
"""The subject holds a message that the server cannot read any more, and the limit of one message applies."""
FULL = frozenset({"maximum bytes exceeded", "maximum messages exceeded"})


def stored_seq(reply: bytes, stream: str) -> int:
    """Return the sequence at which `stream` stored the record; 0 if another message is stored in its place, perhaps the same.

    Raises QuarantineStreamError if no record is stored until a user acts. Raises ConnectionFailedError if the outcome is
    unknown or temporary, and the caller should retry.
    """
    ack = decode_ack(reply)
    error = ack.error
    if error is None:
        if not ack.seq:
            raise ConnectionFailedError(f"the answer of stream {stream} is not JetStream's: check which server answers")
        if ack.stream != stream:
            raise QuarantineStreamError(
                f"stream {ack.stream} stored a record instead of {stream}: remove the subject from {ack.stream}"
            )
        return 0 if ack.duplicate else ack.seq
    if error.err_code == WRONG_LAST_SEQUENCE or (
        error.err_code == STORE_FAILED and error.description == PER_SUBJECT_LIMIT
    ):
        return 0
    if error.err_code in RETRYABLE_CODES:
        raise ConnectionFailedError(
            f"stream {stream} cannot store records at present: {error.description} (error {error.err_code})"
        )
    if error.err_code == STORE_FAILED and error.description in FULL:
        raise QuarantineStreamError(
            f"stream {stream} is full ({error.description}): raise its limit, or export records and delete them"
        )
    raise QuarantineStreamError(f"stream {stream} refuses records: {error.description} (error {error.err_code})")
