"""What the auditor must be allowed to publish and to subscribe to; and what its user is allowed, by the server's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from nats import errors

from auditor.core.model.subject_filter import is_subset
from auditor.errors import AuditorError, ConnectionFailedError, PermissionDeniedError
from auditor.jetstream.api import WRONG_STREAM, decode_ack
from auditor.jetstream.connection.client import Client
from auditor.jetstream.reading.pull_consumer import pull_consumer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.config import Config
    from auditor.jetstream.connection.client import Client

USER_INFO = "$SYS.REQ.USER.INFO"
TIMEOUT = 5.0


class RequiredSubject(NamedTuple):
    """One subject, perhaps with wildcards, and what it is needed for."""

    subject: str
    purpose: str


def to_publish(config: Config, canary: str) -> tuple[RequiredSubject, ...]:
    """What the daemon and every command but `provision` and `selftest` publish to, on streams that exist."""
    quarantine, state = config.quarantine, config.state
    needs = [RequiredSubject(USER_INFO, "auditor doctor sees its own permissions")]
    for stream in dict.fromkeys(audit.stream for audit in config.audits):
        needs += _reading(stream)
    needs += _reading(canary)
    needs += _reading(quarantine.stream)  # auditor quarantine list
    needs.append(RequiredSubject(f"{quarantine.subject_prefix}.>", "stores records"))
    needs += _asking(state.stream)
    needs.append(RequiredSubject(f"{state.subject_prefix}.>", "saves state and acceptances"))
    return tuple(needs)


def to_create(config: Config) -> tuple[RequiredSubject, ...]:
    """What is needed besides where the auditor is to create its own streams."""
    own = (config.quarantine, config.state)
    return tuple(
        RequiredSubject(f"$JS.API.STREAM.CREATE.{each.stream}", "creates it at the first start") for each in own
    )


def to_subscribe(config: Config) -> tuple[RequiredSubject, ...]:
    """Where answers come."""
    return (RequiredSubject(f"{config.nats.inbox_prefix}.>", "takes answers"),)


def _reading(stream: str) -> list[RequiredSubject]:
    return [
        *_asking(stream),
        RequiredSubject(f"$JS.API.CONSUMER.CREATE.{stream}.>", "walks the stream, or one subject of it"),
        RequiredSubject(f"$JS.API.CONSUMER.INFO.{stream}.*", "knows where a walk ends"),
        RequiredSubject(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*", "pulls messages"),
    ]


def _asking(stream: str) -> list[RequiredSubject]:
    return [
        RequiredSubject(f"$JS.API.STREAM.INFO.{stream}", "knows its range and settings"),
        RequiredSubject(f"$JS.API.STREAM.MSG.GET.{stream}", "reads single messages"),
    ]


class SubjectRules(msgspec.Struct, frozen=True):
    """Of one verb, as the server has them."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def missing(self, needs: Iterable[RequiredSubject]) -> list[RequiredSubject]:
        """Those that are not allowed in full."""
        allowed = self.allow or (">",)
        return [
            need
            for need in needs
            if not any(is_subset(subject, need.subject) for subject in allowed)
            or any(is_subset(subject, need.subject) for subject in self.deny)
        ]

    def unneeded(self, needs: Iterable[RequiredSubject]) -> list[str]:
        """What is allowed and not needed."""
        needed = [need.subject for need in needs]
        allowed = self.allow or (">",)
        return [subject for subject in allowed if not any(is_subset(need, subject) for need in needed)]


class Permissions(msgspec.Struct, frozen=True):
    """Of one user."""

    publish: SubjectRules = SubjectRules()
    subscribe: SubjectRules = SubjectRules()


class _User(msgspec.Struct):
    user: str = ""
    account: str = ""
    permissions: Permissions = Permissions()


class _UserInfo(msgspec.Struct):
    data: _User = msgspec.field(default_factory=_User)


async def granted_permissions(client: Client) -> Permissions | None:
    """What the server lets this user do; None where it does not say. Raises ConnectionFailedError."""
    try:
        reply = await client.request(USER_INFO, timeout=TIMEOUT)
        return msgspec.json.decode(reply.data, type=_UserInfo).data.permissions
    except (PermissionDeniedError, errors.NoRespondersError, errors.TimeoutError, msgspec.DecodeError):
        return None
    except (errors.Error, OSError) as error:
        raise client.not_connected_error(error) from error


async def probe_walk(client: Client, stream: str) -> None:
    """Make a consumer and pull once. Raises the AuditorErrors of a walk."""
    async with pull_consumer(client, stream, start_seq=1, subjects=(), batch=1) as consumer:
        await consumer.fetch()


async def probe_publish(client: Client, stream: str, subject: str) -> None:
    """Publish what `stream` refuses to store, and see it refuse. Raises AuditorError if anything else happens."""
    try:
        answer = await client.request(subject, b"", TIMEOUT, headers={"Nats-Expected-Stream": "none of these"})
    except (errors.Error, OSError) as error:
        raise ConnectionFailedError(
            f"stream {stream} does not take what is published to {subject}: {error!r}"
        ) from error
    ack = decode_ack(answer.data)
    if ack.error is None or ack.error.err_code != WRONG_STREAM:
        reply = ack.error.description if ack.error else "it was stored" if ack.seq else "not an answer of JetStream"
        raise AuditorError(f"stream {stream} answers otherwise than expected to what it should not store: {reply}")
