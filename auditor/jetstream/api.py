"""Sends requests to JetStream's API, decodes the replies, and turns error replies into exceptions.

nats-py does not decode the replies, because its error classes fail on unknown errors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from nats import errors

from auditor.aether.gojson import timestamps
from auditor.core.model.message import Loss, StoredMessage, StreamInfo
from auditor.core.model.ranges import merged
from auditor.errors import AuditorError, ConnectionFailedError, StreamNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.jetstream.connection.client import Client

TIMEOUT = 5.0
"""Seconds to wait for a reply. A request fails at once if the connection is lost."""
SLOW_TIMEOUT = 30.0
"""Seconds to wait for a reply for which the server may have to count messages or deleted sequences."""
MAX_DELETED_LISTED = 5_000_000
"""Deleted sequences to request at most. The reply takes about 7 bytes for each, and a server sends at most 64 MiB."""

# Error codes, each with the name that it has in nats-server.
CONSUMER_NOT_FOUND = 10014
"""JSConsumerNotFoundErr."""
MESSAGE_NOT_FOUND = 10037
"""JSNoMessageFoundErr."""
STREAM_NAME_IN_USE = 10058
"""JSStreamNameExistErr: there is a stream with this name and other settings."""
STREAM_NOT_FOUND = 10059
"""JSStreamNotFoundErr."""
WRONG_STREAM = 10060
"""JSStreamNotMatchErr: the message names another stream in Nats-Expected-Stream and is not stored."""
WRONG_LAST_SEQUENCE = 10071
"""JSStreamWrongLastSequenceErrF: the subject has another last sequence than the message names, and it is not stored."""
STORE_FAILED = 10077
"""JSStreamStoreFailedF: the message is not stored; only the description says why."""
NOT_ENABLED_CODES = frozenset({10039, 10076})
"""JSNotEnabledForAccountErr and JSNotEnabledErr."""
RETRYABLE_CODES = frozenset({10008, 10009, 10158, 10163, 10164, 10167})
"""Errors of a publish that was not stored and that may succeed a moment later.

The stream has no leader: JSClusterNotAvailErr, JSClusterNotLeaderErr. Another publish with the same message id or subject
is in flight: JSStreamDuplicateMessageConflict, JSStreamExpectedLastSeqPerSubjectNotReady,
JSStreamWrongLastSequenceConstantErr. The queue of the stream is full: JSStreamTooManyRequests.
"""


class JetStreamError(AuditorError):
    """JetStream refuses a request and would refuse it again."""


class ApiError(msgspec.Struct):
    code: int = 0
    """As in HTTP. An error of 500 or more may be temporary."""
    err_code: int = 0
    description: str = ""


class Reply(msgspec.Struct):
    """The part that all replies have."""

    error: ApiError | None = None


class _Lost(msgspec.Struct):
    msgs: list[int] | None = None
    bytes: int = 0


class _State(msgspec.Struct):
    messages: int
    first_seq: int
    last_seq: int
    bytes: int = 0
    first_ts: str = ""
    num_deleted: int = 0
    deleted: list[int] | None = None
    lost: _Lost | None = None
    subjects: dict[str, int] | None = None


NO_STATE = (-1, 0, 0)
"""Messages, first and last sequence in place of a state that a reply does not have."""


class StreamInfoReply(Reply):
    created: str = ""
    config: dict[str, Any] = {}
    state: _State = msgspec.field(default_factory=lambda: _State(*NO_STATE))


class Message(msgspec.Struct):
    """A stored message as STREAM.MSG.GET returns it."""

    subject: str
    seq: int
    time: str
    hdrs: bytes | None = None
    data: bytes = b""


class MessageReply(Reply):
    message: Message | None = None


class PubAck(Reply):
    """The reply of a stream to a publish."""

    stream: str = ""
    seq: int = 0
    """0 if the message was not stored."""
    duplicate: bool = False
    """Whether nothing was stored because the message at `seq` has the same message id."""


def decode_ack(data: bytes) -> PubAck:
    """Return the acknowledgement of a publish; an empty one if `data` is not a reply of JetStream."""
    try:
        return msgspec.json.decode(data, type=PubAck)
    except msgspec.DecodeError:
        return PubAck()


class _Delivered(msgspec.Struct):
    consumer_seq: int = 0


class ConsumerInfoReply(Reply):
    num_pending: int = 0
    """Messages that the consumer has yet to deliver."""
    num_waiting: int = 0
    """Pull requests that the consumer has not answered in full."""
    delivered: _Delivered = msgspec.field(default_factory=_Delivered)


R = TypeVar("R", bound=Reply)


async def request(
    client: Client,
    stream: str,
    subject: str,
    body: dict[str, Any],
    kind: type[R],
    *,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - passed on
    expected_error: int = 0,
) -> R:
    """Send one request about `stream` and return the reply, which has an error only if that is `expected_error`.

    Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError for a temporary failure, and JetStreamError
    for any other.
    """
    try:
        message = await client.request(f"$JS.API.{subject}", json.dumps(body).encode(), timeout)
        reply = msgspec.json.decode(message.data, type=kind)
    except errors.NoRespondersError:
        raise ConnectionFailedError(
            f"JetStream does not answer for stream {stream}: enable it on the server and for the user's account"
        ) from None
    except errors.TimeoutError:
        raise ConnectionFailedError(
            f"JetStream gave no answer about stream {stream} within {timeout:.0f} s: check the server's health"
        ) from None
    except (errors.Error, OSError) as error:
        raise client.not_connected_error(error) from error
    except msgspec.DecodeError as error:
        raise ConnectionFailedError(f"the answer about stream {stream} is not JetStream's: {error}") from error
    if reply.error is not None and reply.error.err_code != expected_error:
        raise _error_for(reply.error, stream)
    return reply


def _error_for(error: ApiError, stream: str) -> AuditorError:
    if error.err_code == STREAM_NOT_FOUND:
        return StreamNotFoundError(f"stream {stream} does not exist: check its name, and the account of the user")
    if error.err_code in NOT_ENABLED_CODES:
        return ConnectionFailedError(f"stream {stream} cannot be read: {error.description}: enable JetStream there")
    kind = ConnectionFailedError if error.code >= 500 else JetStreamError
    return kind(f"JetStream refuses a request about stream {stream}: {error.description} (error {error.err_code})")


async def stream_info(client: Client, stream: str, *, details: bool = False, subjects: str = "") -> StreamInfoReply:
    """Request STREAM.INFO.

    `details`: with the list of deleted sequences, and with what the server has lost. `subjects`: with the number of messages
    on each subject that matches this one, up to 100,000 subjects. Raises as `request`.
    """
    body: dict[str, Any] = {}
    if details:
        body["deleted_details"] = True
    if subjects:
        body["subjects_filter"] = subjects
    timeout = SLOW_TIMEOUT if body else TIMEOUT
    return await request(client, stream, f"STREAM.INFO.{stream}", body, StreamInfoReply, timeout=timeout)


async def create_stream(
    client: Client,
    settings: Mapping[str, Any],
    *,
    timeout: float,  # noqa: ASYNC109 - passed on
    expected_error: int = 0,
) -> StreamInfoReply:
    """Create a stream and return its info. Raises JetStreamError if it exists with other settings, and as `request`."""
    name = settings["name"]
    body = dict(settings)
    return await request(
        client, name, f"STREAM.CREATE.{name}", body, StreamInfoReply, timeout=timeout, expected_error=expected_error
    )


async def create_or_use_stream(
    client: Client,
    settings: Mapping[str, Any],
    *,
    timeout: float,  # noqa: ASYNC109 - passed on
) -> StreamInfoReply:
    """As `create_stream`, but if another client has created the stream first, return the info of that one."""
    created = await create_stream(client, settings, timeout=timeout, expected_error=STREAM_NAME_IN_USE)
    return await stream_info(client, settings["name"]) if created.error else created


async def count_messages(client: Client, stream: str, subject: str) -> int:
    """Return the number of messages of `stream` on `subject`, which has no wildcard. Raises as `request`."""
    return (await count_subjects(client, stream, subject)).get(subject, 0)


async def count_subjects(client: Client, stream: str, subjects: str) -> dict[str, int]:
    """Return the number of messages on each subject that matches `subjects`, up to 100,000. Raises as `request`."""
    info = await stream_info(client, stream, subjects=subjects)
    return info.state.subjects or {}


def stream_state(stream: str, info: StreamInfoReply) -> StreamInfo:
    """Return `info` in the form that the core uses."""
    state = info.state
    return StreamInfo(
        name=stream,
        created_ns=_unix_ns(info.created),
        first_seq=state.first_seq if state.messages > 0 else state.last_seq + 1,
        last_seq=state.last_seq,
        messages=max(0, state.messages),
        # If deleted sequences are listed, nats-server 2.15 counts sequence 0 of a stream that never held a message.
        deleted=state.num_deleted if state.last_seq else 0,
        bytes=state.bytes,
        first_time_ns=_unix_ns(state.first_ts) if state.messages > 0 and state.first_ts else 0,
        lost=_loss(state.lost) if state.lost else Loss(),
        contradiction=_contradiction(info.state),
        subjects=tuple(info.config.get("subjects") or ()),
        config=info.config,
    )


def _loss(lost: _Lost) -> Loss:
    return Loss(tuple(merged((seq, seq) for seq in lost.msgs or ())), lost.bytes)


def _contradiction(state: _State) -> str | None:
    """How the numbers of a reply contradict one another, in one line; None if they do not.

    The server computes the deleted sequences of a stream as those between the first and the last that hold no message.
    """
    if (state.messages, state.first_seq, state.last_seq) == NO_STATE:
        return "the server's stream info has no state"
    numbers = f"first sequence {state.first_seq}, last sequence {state.last_seq}, {state.messages} messages"
    if min(state.first_seq, state.last_seq, state.messages, state.num_deleted) < 0:
        return f"the server's stream info has a negative number: {numbers}, {state.num_deleted} deleted"
    if not state.messages:
        # A stream that never held a message has 0 as its first sequence, or the one that is configured.
        is_empty = state.first_seq > state.last_seq or state.last_seq == 0
        return None if is_empty else f"the server's stream info contradicts itself: {numbers}"
    sequences = state.last_seq - state.first_seq + 1
    if state.messages + state.num_deleted != sequences:
        return f"the server's stream info contradicts itself: {numbers}, {state.num_deleted} deleted"
    return None


async def create_consumer(
    client: Client, stream: str, name: str, *, start_seq: int, subjects: Sequence[str] = ()
) -> ConsumerInfoReply:
    """Create a pull consumer without acknowledgements. The server removes it 5 s after its last pull ended. Raises as `request`."""
    config: dict[str, Any] = {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": start_seq,
        "ack_policy": "none",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": 5_000_000_000,
    }
    subject = f"CONSUMER.CREATE.{stream}.{name}"
    if len(subjects) == 1:
        config["filter_subject"] = subjects[0]
        subject += f".{subjects[0]}"
    elif subjects:
        config["filter_subjects"] = list(subjects)
    body = {"stream_name": stream, "config": config, "action": "create"}
    return await request(client, stream, subject, body, ConsumerInfoReply, timeout=SLOW_TIMEOUT)


async def consumer_info(client: Client, stream: str, name: str) -> ConsumerInfoReply | None:
    """Request CONSUMER.INFO; None if the consumer does not exist. Raises as `request`."""
    subject = f"CONSUMER.INFO.{stream}.{name}"
    info = await request(client, stream, subject, {}, ConsumerInfoReply, expected_error=CONSUMER_NOT_FOUND)
    return None if info.error else info


async def get_message(client: Client, stream: str, **which: int | str) -> StoredMessage | None:
    """Return one message; None if there is none.

    `which` is `seq`, `seq` and `next_by_subj` for the first message on a subject from a sequence on, or `last_by_subj`.
    In a subject that is not UTF-8, the server replaces bytes by U+FFFD. Raises as `request`.
    """
    reply = await request(
        client, stream, f"STREAM.MSG.GET.{stream}", which, MessageReply, expected_error=MESSAGE_NOT_FOUND
    )
    message = reply.message
    if message is None:
        return None
    return StoredMessage(message.seq, _unix_ns(message.time), message.subject.encode(), message.hdrs, message.data)


async def is_readable(client: Client, stream: str, seq: int) -> bool:
    """Return whether the leader of the stream can read the message at `seq`. Raises as `request`."""
    body = {"seq": seq}
    reply = await request(client, stream, f"STREAM.MSG.GET.{stream}", body, Reply, expected_error=MESSAGE_NOT_FOUND)
    return reply.error is None


def _unix_ns(text: str) -> int:
    found = timestamps.match(text)
    if found is None:
        raise ConnectionFailedError(
            f"JetStream gave {text!a} as a time, which is not a time: check which server answers"
        )
    return timestamps.from_match(found).unix_ns
