"""Sends requests to JetStream's API, decodes the replies, and turns error replies into exceptions.

nats-py does not decode the replies, because its error classes fail on unknown errors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from nats import errors

from auditor.aether.gojson import timestamps
from auditor.core.model.message import StoredMessage
from auditor.errors import AuditorError, ConnectionFailedError, NoLeaderError, StreamNotFoundError
from auditor.jetstream.answers import check_consumer, check_message, no_message
from auditor.jetstream.api_client import WHERE_IT_IS_ENABLED, where_it_is_missing, why_no_answer
from auditor.jetstream.cluster_info import ClusterInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.jetstream.api_client import ApiClient

TIMEOUT = 5.0
"""Seconds to wait for a reply. A request fails at once if the connection is lost."""
DELETE_TIMEOUT = 1.0
"""Seconds to wait for the reply to the removal of a consumer, which expires in any case."""
SLOW_TIMEOUT = 30.0
"""Seconds to wait for a reply for which the server may have to count messages or deleted sequences."""
MAX_DELETED_LISTED = 5_000_000
"""Deleted sequences to request at most. The reply takes about 7 bytes for each, and a server sends at most 64 MiB."""

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the expected document: also for bad UTF-8, and for nesting without an end."""

MAX_NUMBER = (1 << 63) - 1
"""The largest number that is accepted. A larger one would not fit into saved state."""
Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
"""A count, or a sequence."""

# Error codes, each with the name that it has in nats-server.
NO_CONSUMER = {
    10026: "has as many consumers as max_consumers allows: raise it for the stream or the account",
    10084: "is a work queue, of which no consumer reads without taking messages away",
    10120: "is in an account that has no limits for a consumer with one replica",
}
"""JSMaximumConsumersLimitErr, JSConsumerWQRequiresExplicitAckErr and JSNoLimitsErr, with what each means."""
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


class NoAnswerError(ConnectionFailedError):
    """Nothing subscribes to the subject of a request: no JetStream, or no import of it."""


class ConsumerLimitError(AuditorError):
    """The stream has no place for a consumer of the auditor."""


class Lost(msgspec.Struct):
    msgs: list[Number] | None = None
    bytes: Number = 0


class State(msgspec.Struct):
    messages: Number
    first_seq: Number
    last_seq: Number
    bytes: Number = 0
    first_ts: str = ""
    num_deleted: Number = 0
    deleted: list[Number] | None = None
    lost: Lost | None = None
    subjects: dict[str, Number] | None = None
    consumer_count: Number = 0


class _Settings(msgspec.Struct):
    """The types of the settings of a stream that the auditor computes with."""

    name: str = ""
    subjects: list[str] | None = None
    description: str | None = None
    num_replicas: int = 1
    max_age: int = 0
    max_bytes: int = -1
    max_msgs: int = -1
    max_msgs_per_subject: int = -1
    max_consumers: int = -1
    first_seq: int | None = None


NO_STATE = (-1, 0, 0)
"""Messages, first and last sequence in place of a state that a reply does not have."""


class StreamInfoReply(Reply):
    created: str = ""
    config: dict[str, Any] = {}
    state: State = msgspec.field(default_factory=lambda: State(*NO_STATE))
    cluster: ClusterInfo | None = None
    """None without a cluster."""

    def __post_init__(self) -> None:
        msgspec.convert(self.config, _Settings)


class _AccountLimits(msgspec.Struct):
    max_consumers: int = -1


class _AccountTier(msgspec.Struct):
    limits: _AccountLimits = msgspec.field(default_factory=_AccountLimits)


class AccountInfoReply(Reply):
    limits: _AccountLimits = msgspec.field(default_factory=_AccountLimits)
    tiers: dict[str, _AccountTier] = {}

    def max_consumers(self, replicas: int) -> int:
        """Return how many consumers a stream with so many replicas may have; 0 or less for any number."""
        tier = self.tiers.get(f"R{replicas}")
        return (tier.limits if tier else self.limits).max_consumers


class Message(msgspec.Struct):
    """A stored message as STREAM.MSG.GET returns it."""

    subject: str
    seq: Number
    time: str
    hdrs: bytes | None = None
    data: bytes = b""


class MessageReply(Reply):
    message: Message | None = None


class PubAck(Reply):
    """The reply of a stream to a publish."""

    stream: str = ""
    seq: Number = 0
    """0 if the message was not stored."""
    duplicate: bool = False
    """Whether nothing was stored because the message at `seq` has the same message id."""


def decode_ack(data: bytes) -> PubAck:
    """Return the acknowledgement of a publish; an empty one if `data` is not a reply of JetStream."""
    try:
        return msgspec.json.decode(data, type=PubAck)
    except DECODE_ERRORS:
        return PubAck()


class _Delivered(msgspec.Struct):
    consumer_seq: Number = 0
    stream_seq: Number = 0
    """For a new consumer: the sequence before the first that it will deliver."""


class ConsumerInfoReply(Reply):
    stream_name: str = ""
    name: str = ""
    config: dict[str, Any] = {}
    num_pending: Number = 0
    """Messages that the consumer has yet to deliver."""
    num_waiting: Number = 0
    """Pull requests that the consumer has not answered in full."""
    delivered: _Delivered = msgspec.field(default_factory=_Delivered)
    cluster: ClusterInfo | None = None
    """Its leader is the server whose copy of the stream a consumer without replicas reads. None without a cluster."""


R = TypeVar("R", bound=Reply)
Start = int | Literal["all", "new"]
"""The sequence from which on a consumer delivers, or a deliver policy."""


async def request(
    client: ApiClient,
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
        message = await client.request(f"{client.api_prefix}.{subject}", json.dumps(body).encode(), timeout)
        reply = msgspec.json.decode(message.data, type=kind)
    except errors.NoRespondersError:
        raise NoAnswerError(why_no_answer(client, stream)) from None
    except errors.TimeoutError:
        raise NoLeaderError(
            f"JetStream gave no answer about stream {stream} within {timeout:.0f} s: check the server's health"
        ) from None
    except (errors.Error, OSError) as error:
        raise client.not_connected_error(error) from error
    except DECODE_ERRORS as error:
        raise ConnectionFailedError(f"the answer about stream {stream} is not JetStream's: {error}") from error
    if reply.error is not None and reply.error.err_code != expected_error:
        raise _error_for(reply.error, stream, client)
    return reply


def _error_for(error: ApiError, stream: str, client: ApiClient) -> AuditorError:
    if error.err_code == STREAM_NOT_FOUND:
        return StreamNotFoundError(f"stream {stream} {where_it_is_missing(client)}")
    if error.err_code in NOT_ENABLED_CODES:
        return ConnectionFailedError(f"stream {stream} cannot be read: {error.description}: {WHERE_IT_IS_ENABLED}")
    if error.err_code in NO_CONSUMER:
        return ConsumerLimitError(f"stream {stream} {NO_CONSUMER[error.err_code]}")
    kind = NoLeaderError if error.code >= 500 else JetStreamError
    return kind(f"JetStream refuses a request about stream {stream}: {error.description} (error {error.err_code})")


async def stream_info(client: ApiClient, stream: str, *, details: bool = False, subjects: str = "") -> StreamInfoReply:
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
    client: ApiClient,
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
    client: ApiClient,
    settings: Mapping[str, Any],
    *,
    timeout: float,  # noqa: ASYNC109 - passed on
) -> StreamInfoReply:
    """As `create_stream`, but if another client has created the stream first, return the info of that one."""
    created = await create_stream(client, settings, timeout=timeout, expected_error=STREAM_NAME_IN_USE)
    return await stream_info(client, settings["name"]) if created.error else created


async def subject_info(client: ApiClient, stream: str, subject: str) -> StreamInfoReply:
    """Request STREAM.INFO with the number of messages on `subject`, which has no wildcard. Raises as `request`."""
    return await stream_info(client, stream, subjects=subject)


async def count_messages(client: ApiClient, stream: str, subject: str) -> int:
    """Return the number of messages of `stream` on `subject`, which has no wildcard. Raises as `request`."""
    return (await count_subjects(client, stream, subject)).get(subject, 0)


async def count_subjects(client: ApiClient, stream: str, subjects: str) -> dict[str, int]:
    """Return the number of messages on each subject that matches `subjects`, up to 100,000. Raises as `request`."""
    info = await stream_info(client, stream, subjects=subjects)
    return info.state.subjects or {}


async def create_consumer(
    client: ApiClient, stream: str, name: str, *, start: Start, subjects: Sequence[str] = (),
    unused_seconds: int = 5, reply_seconds: float = SLOW_TIMEOUT
) -> ConsumerInfoReply:  # fmt: skip
    """Create a pull consumer without acknowledgements. Raises WrongAnswerError if the server creates another one, and as `request`.

    The server removes it `unused_seconds` after its last pull ended. `reply_seconds`: the longest wait for the reply.
    """
    config: dict[str, Any] = {
        "name": name,
        "deliver_policy": "by_start_sequence" if isinstance(start, int) else start,
        "ack_policy": "none",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": unused_seconds * 1_000_000_000,
        **({"opt_start_seq": start} if isinstance(start, int) else {}),
    }
    subject = f"CONSUMER.CREATE.{stream}.{name}"
    if len(subjects) == 1:
        config["filter_subject"] = subjects[0]
        subject += f".{subjects[0]}"
    elif subjects:
        config["filter_subjects"] = list(subjects)
    body = {"stream_name": stream, "config": config, "action": "create"}
    created = await request(client, stream, subject, body, ConsumerInfoReply, timeout=reply_seconds)
    check_consumer(stream, config, created.stream_name, created.name, created.config)
    return created


async def consumer_info(client: ApiClient, stream: str, name: str) -> ConsumerInfoReply | None:
    """Request CONSUMER.INFO; None if the consumer does not exist. Raises as `request`."""
    subject = f"CONSUMER.INFO.{stream}.{name}"
    info = await request(client, stream, subject, {}, ConsumerInfoReply, expected_error=CONSUMER_NOT_FOUND)
    return None if info.error else info


async def delete_consumer(client: ApiClient, stream: str, name: str) -> None:
    """Delete a consumer; nothing happens if it does not exist. Raises as `request`."""
    subject = f"CONSUMER.DELETE.{stream}.{name}"
    await request(client, stream, subject, {}, Reply, timeout=DELETE_TIMEOUT, expected_error=CONSUMER_NOT_FOUND)


async def account_info(client: ApiClient, stream: str) -> AccountInfoReply:
    """Request the limits of the account that holds `stream`. Raises as `request`."""
    return await request(client, stream, "INFO", {}, AccountInfoReply)


async def get_message(client: ApiClient, stream: str, **which: int | str) -> StoredMessage | None:
    """Return one message; None if there is none.

    `which` is `seq`, `seq` and `next_by_subj` for the first message on a subject from a sequence on, or `last_by_subj`.
    In a subject that is not UTF-8, the server replaces bytes by U+FFFD. Raises WrongAnswerError, and as `request`.
    """
    reply = await request(
        client, stream, f"STREAM.MSG.GET.{stream}", which, MessageReply, expected_error=MESSAGE_NOT_FOUND
    )
    if reply.error is not None:
        return None
    if (message := reply.message) is None:
        raise no_message(stream)
    check_message(stream, which, message.seq, message.subject)
    return StoredMessage(message.seq, unix_ns(message.time), message.subject.encode(), message.hdrs, message.data)


async def is_readable(client: ApiClient, stream: str, seq: int) -> bool:
    """Return whether the leader of the stream can read the message at `seq`. Raises as `get_message`."""
    return await get_message(client, stream, seq=seq) is not None


def unix_ns(text: str) -> int:
    """Return a time of JetStream in nanoseconds since 1970. Raises ConnectionFailedError if `text` is no time."""
    found = timestamps.match(text)
    if found is None:
        raise ConnectionFailedError(
            f"JetStream gave {text!a} as a time, which is not a time: check which server answers"
        )
    return timestamps.from_match(found).unix_ns
