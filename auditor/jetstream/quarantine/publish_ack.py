"""What the side stream's answer to one publish means for the record. Pure."""

from __future__ import annotations

from auditor.errors import ConnectionFailedError, QuarantineStreamError
from auditor.jetstream.api import RETRYABLE_CODES, STORE_FAILED, WRONG_LAST_SEQUENCE, decode_ack

PER_SUBJECT_LIMIT = "maximum messages per subject exceeded"
"""The subject holds a message, though one that the server can't read any more: its limit of one speaks."""
FULL = frozenset({"maximum bytes exceeded", "maximum messages exceeded"})


def was_stored(reply: bytes, stream: str) -> bool:
    """Whether `reply` says that `stream` stored the record; False if it held the record before.

    Raises QuarantineStreamError if nothing will be stored until somebody acts, ConnectionFailedError if nobody can tell
    whether it was, so that asking again is right.
    """
    answer = decode_ack(reply)
    error = answer.error
    if error is None:
        if not answer.seq:
            raise ConnectionFailedError(f"what answers for stream {stream} is no JetStream")
        if answer.stream != stream:
            raise QuarantineStreamError(
                f"stream {answer.stream} takes the records that are meant for {stream}: end that"
            )
        return True
    if error.err_code == WRONG_LAST_SEQUENCE or (
        error.err_code == STORE_FAILED and error.description == PER_SUBJECT_LIMIT
    ):
        return False
    if error.err_code in RETRYABLE_CODES:
        raise ConnectionFailedError(f"stream {stream} can't say yet: {error.description} (error {error.err_code})")
    if error.err_code == STORE_FAILED and error.description in FULL:
        raise QuarantineStreamError(
            f"stream {stream} is full ({error.description}): raise its limit, or export records and delete them"
        )
    raise QuarantineStreamError(f"stream {stream} refuses records: {error.description} (error {error.err_code})")
