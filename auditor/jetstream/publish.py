"""One message appended to its subject, if nothing else was since: stored once, or not at all, and almost always known.

Every try carries the last sequence that the writer knows of on the subject. So a try whose answer was lost can be made
again: the server stores the message at most once, whichever try gets through.
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

    from auditor.jetstream.connection.client import Client

ANSWER_TIMEOUT = 5.0
GIVE_UP_SECONDS = 30.0
"""After this time no further attempt is made. A server restarts, and a cluster elects a leader, in less."""
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.05, 1.0
"""Bounds of the delay between two attempts. The delay doubles with every attempt."""


class SequenceConflictError(Exception):
    """The subject has another last sequence than was expected."""

    def __init__(self, *, outcome_unknown: bool) -> None:
        super().__init__()
        self.outcome_unknown = outcome_unknown
        """Whether the message that stands there may be this very one, because an earlier answer was lost."""


class Published(NamedTuple):
    """What the server confirms."""

    seq: int
    duplicate: bool
    """Nothing was stored: the message at `seq` has the same id."""


async def publish_expecting(
    client: Client,
    stream: str,
    subject: str,
    data: bytes,
    *,
    last_seq: int,
    what: str,
    headers: Mapping[str, str] | None = None,
) -> Published:
    """Store `data` on `subject`, whose last message in `stream` is at `last_seq` (0: it has none).

    `what` names it in errors; `headers` go with it. Raises SequenceConflictError, NotStoredError, UnknownOutcomeError, PermissionDeniedError.
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
            trouble = f"stream {stream} does not take it: it does not exist or has no leader"
        except _RetryableError as error:
            trouble = str(error)
        except errors.Error as error:
            outcome_unknown = True  # it was on its way
            trouble = f"no answer from stream {stream} ({client.last_error_text or error})"
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(delay.next())
                await client.wait_connected()
        except (TimeoutError, AuditorError):
            kind = UnknownOutcomeError if outcome_unknown else NotStoredError
            raise kind(what, trouble) from None


class _RetryableError(Exception):
    """Not stored this time, and the next time may be otherwise."""


def _published(reply: bytes, stream: str, what: str, *, outcome_unknown: bool) -> Published:
    answer = decode_ack(reply)
    error = answer.error
    if error is None:
        if not answer.seq:
            raise UnknownOutcomeError(what, f"what answers for stream {stream} is not JetStream")
        if answer.stream != stream:
            raise UnknownOutcomeError(what, f"stream {answer.stream!r} takes what is meant for {stream}: end that")
        return Published(answer.seq, answer.duplicate)
    if error.err_code == WRONG_LAST_SEQUENCE:
        raise SequenceConflictError(outcome_unknown=outcome_unknown)
    reason = f"{error.description} (error {error.err_code})"
    if error.err_code in RETRYABLE_CODES:
        raise _RetryableError(f"stream {stream} can't say yet: {reason}")
    if outcome_unknown:
        raise UnknownOutcomeError(what, f"the first answer was lost, and now stream {stream} says: {reason}")
    raise NotStoredError(what, f"stream {stream} refuses it: {reason}")
