"""Publishes a message on the condition that its subject has the expected last sequence, and retries temporary failures.

Every attempt carries the same expected last sequence, so the server stores the message at most once. An attempt whose
answer was lost can therefore be repeated.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from nats import errors

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.errors import AuditorError
from auditor.jetstream.api import RETRYABLE_CODES, WRONG_LAST_SEQUENCE, decode_ack
from auditor.jetstream.connection.client import LineTooLongError
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.jetstream.api_client import ApiClient

ANSWER_TIMEOUT = 5.0
GIVE_UP_SECONDS = 30.0
"""After this time no further attempt is made. A server restarts, and a cluster elects a leader, in less."""
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.05, 1.0
"""Bounds of the delay between two attempts. The delay doubles with every attempt."""


class SequenceConflictError(Exception):
    """The subject has another last sequence than the expected one."""

    def __init__(self, *, outcome_unknown: bool) -> None:
        super().__init__()
        self.outcome_unknown = outcome_unknown
        """Whether an earlier answer was lost, so that the last message of the subject may be this one."""


class Published(NamedTuple):
    """What the server confirms."""

    seq: int
    duplicate: bool
    """Whether nothing was stored, because the message at `seq` has the same message id."""


async def publish_expecting(
    client: ApiClient,
    stream: str,
    subject: str,
    data: bytes,
    *,
    last_seq: int,
    what: str,
    headers: Mapping[str, str] | None = None,
) -> Published:
    """Store `data` with `headers` on `subject`, whose last message in `stream` is at `last_seq` (0: it has none).

    `what` names the message in errors. Temporary failures are retried for `GIVE_UP_SECONDS`. Raises SequenceConflictError,
    NotStoredError, UnknownOutcomeError, PermissionDeniedError.
    """
    if not client.is_connected:
        raise NotStoredError(what, str(client.not_connected_error()))
    conditions = {**(headers or {}), "Nats-Expected-Last-Subject-Sequence": str(last_seq)}
    deadline = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
    delay = RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
    outcome_unknown = False
    while True:
        try:
            reply = await client.request(subject, data, ANSWER_TIMEOUT, headers=conditions)
            return _published(reply.data, stream, what, outcome_unknown=outcome_unknown)
        except errors.MaxPayloadError:
            raise NotStoredError(what, f"{len(data)} bytes do not fit into the server's max_payload") from None
        except LineTooLongError as error:
            raise NotStoredError(what, str(error)) from None
        except errors.NoRespondersError:
            reason = f"stream {stream} does not take it: it does not exist or has no leader"
        except _RetryableError as error:
            reason = str(error)
        except errors.Error as error:
            outcome_unknown = True  # the message may have reached the server
            reason = f"no answer from stream {stream} ({client.last_error_text or error})"
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(delay.next())
                await client.wait_connected()
        except (TimeoutError, AuditorError):
            kind = UnknownOutcomeError if outcome_unknown else NotStoredError
            raise kind(what, reason) from None


class _RetryableError(Exception):
    """The message was not stored, and another attempt may succeed."""


def _published(reply: bytes, stream: str, what: str, *, outcome_unknown: bool) -> Published:
    """Return what the reply confirms, or raise the error that it means."""
    ack = decode_ack(reply)
    error = ack.error
    if error is None:
        if not ack.seq:
            raise UnknownOutcomeError(what, f"the answer of stream {stream} is not JetStream's")
        if ack.stream != stream:
            raise UnknownOutcomeError(
                what, f"stream {ack.stream!r} stored it instead of {stream}: remove the subject from {ack.stream!r}"
            )
        return Published(ack.seq, ack.duplicate)
    if error.err_code == WRONG_LAST_SEQUENCE:
        raise SequenceConflictError(outcome_unknown=outcome_unknown)
    reason = f"{error.description} (error {error.err_code})"
    if error.err_code in RETRYABLE_CODES:
        raise _RetryableError(f"stream {stream} cannot store it at present: {reason}")
    if outcome_unknown:
        raise UnknownOutcomeError(what, f"an earlier answer was lost, and then stream {stream} refused it: {reason}")
    raise NotStoredError(what, f"stream {stream} refuses it: {reason}")
