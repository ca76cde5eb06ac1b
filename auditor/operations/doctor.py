"""Whether the auditor may do what it needs, and no more; and what endangers the streams that it watches. It changes nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from auditor.canary.stream import CANARY
from auditor.core.state.checkpoint import CheckpointKind
from auditor.core.state.retention import count_actors_without_covering_snapshot
from auditor.errors import AuditorError, StreamNotFoundError
from auditor.jetstream.api import stream_info
from auditor.jetstream.eventstore.stream_settings import settings_aether_rejects
from auditor.jetstream.permissions import (
    granted_permissions,
    probe_publish,
    probe_walk,
    to_create,
    to_publish,
    to_subscribe,
)
from auditor.jetstream.reading.first_since import first_seq_since
from auditor.operations.selftest import audit_canary
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from auditor.app import Auditor
    from auditor.config import AuditConfig, QuarantineConfig, StateConfig
    from auditor.jetstream.permissions import Permissions
    from auditor.jetstream.reading.stream_source import StreamSource

REFUSED = (
    'with any other settings than its code demands, Aether fails at its next start with "stream name already in use"'
)
PROVISION = "auditor provision --config F, as an administrator"
EXPIRY_HORIZON = timedelta(days=30)
"""What expires sooner is about to."""


class Mark(Enum):
    """How a check came out."""

    GOOD = "✓"
    WARNING = "!"
    BAD = "✗"


@dataclass(frozen=True, slots=True)
class Check:
    """One of them."""

    mark: Mark
    what: str
    fix: str | None = None


def _good(what: str) -> Check:
    return Check(Mark.GOOD, what)


def _bad(what: str, fix: str | None = None) -> Check:
    return Check(Mark.BAD, what, fix)


def _warning(what: str, fix: str) -> Check:
    return Check(Mark.WARNING, what, fix)


async def examine(auditor: Auditor) -> AsyncIterator[Check]:
    """Every check in turn. Raises ConnectionFailedError if the connection goes."""
    permissions = await granted_permissions(auditor.client)
    for check in _permissions(auditor, permissions):
        yield check
    for audit in auditor.config.audits:
        async for check in _audited(auditor, audit):
            yield check
    for own in (auditor.config.quarantine, auditor.config.state):
        yield await _own(auditor, own, permissions)
    yield await _canary(auditor)


def _permissions(auditor: Auditor, permissions: Permissions | None) -> Iterator[Check]:
    if permissions is None:
        yield _warning(
            "the server does not say what this user may do: what it may beyond need can't be told",
            'allow it to publish to "$SYS.REQ.USER.INFO"',
        )
        return
    config = auditor.config
    publish, subscribe = to_publish(config, CANARY), to_subscribe(config)
    may_create = (config.quarantine.create, config.state.create)
    create = [need for need, may in zip(to_create(config), may_create, strict=True) if may]
    for verb, rules, needs in (
        ("publish", permissions.publish, publish),
        ("subscribe", permissions.subscribe, subscribe),
    ):
        lacking = rules.missing(needs)
        for need in lacking:
            yield _bad(f"may not {verb} to {need.subject} ({need.purpose})", f'allow {verb}: "{need.subject}"')
        if not lacking:
            yield _good(f"may {verb} to all that it needs ({len(needs)} subjects)")
        beyond = rules.unneeded([*needs, *(create if verb == "publish" else ())])
        for subject in beyond:
            what = "anything" if subject == ">" else subject
            yield _warning(f"may {verb} to {what}, which it does not need", "give it deploy/nats/auditor.conf's list")


async def _audited(auditor: Auditor, audit: AuditConfig) -> AsyncIterator[Check]:
    where = f"{audit.name}: stream {audit.stream}"
    source = auditor.source(audit)
    try:
        pinned = await source.info()
        await probe_walk(auditor.client, audit.stream)
        await source.is_readable(pinned.last_seq or 1)
    except AuditorError as error:
        yield _bad(f"{where} cannot be read: {error}")
        return
    yield _good(f"{where} can be read: {pinned.messages} messages, sequences {pinned.first_seq} to {pinned.last_seq}")
    config = pinned.config
    different = settings_aether_rejects(audit.stream, config)
    for difference in different:
        yield _bad(
            f"{where}: Aether cannot open it: {difference}",
            f"set it back before the next start of any service: {REFUSED}",
        )
    if not different:
        yield _good(f"{where} has the settings that Aether's constructor demands")
    if config.get("num_replicas", 1) == 1:
        yield _warning(
            f"{where} has one replica: a disk that fails takes it along",
            f"back it up; more replicas only together with a change of Aether's code: {REFUSED}",
        )
    if config.get("max_age"):
        yield await _expiry(auditor, audit, source, int(str(config["max_age"])))


async def _expiry(auditor: Auditor, audit: AuditConfig, source: StreamSource, max_age_ns: int) -> Check:
    """Whether heads are about to expire that no snapshot bridges, by what the last full pass remembers."""
    where = f"{audit.name}: stream {audit.stream}"
    memory = None
    try:
        keeper = auditor.keeper(audit)
        await keeper.open()
        memory = await keeper.check_out(CheckpointKind.COMPLETED)
    except AuditorError as error:
        return _warning(f"{where}: what is about to expire can't be told: {error}", "see above")
    if memory is None:
        return _warning(
            f"{where}: what is about to expire is known after the first full pass", "auditor scan, or auditor run"
        )
    kept_from = await first_seq_since(
        source, time.time_ns() - max_age_ns + int(EXPIRY_HORIZON.total_seconds()) * NANOSECONDS
    )
    endangered = count_actors_without_covering_snapshot(memory.state.ledger, kept_from)
    if not endangered:
        return _good(
            f"{where}: within {EXPIRY_HORIZON.days} days no actor loses its head without a snapshot that bridges it"
        )
    return _warning(
        f"{where}: {endangered} actors lose their first events within {EXPIRY_HORIZON.days} days and have no snapshot that stays",
        "have the application save snapshots of them; a longer max_age only together with a change of Aether's code: "
        + REFUSED,
    )


async def _own(auditor: Auditor, own: QuarantineConfig | StateConfig, permissions: Permissions | None) -> Check:
    """The stream is there, or may be made, and takes what is published to it."""
    section = "quarantine" if own is auditor.config.quarantine else "state"
    what = f"{section}: stream {own.stream}"
    try:
        await stream_info(auditor.client, own.stream)
    except StreamNotFoundError:
        needs = [need for need in to_create(auditor.config) if need.subject.endswith(f".{own.stream}")]
        if own.create and not (permissions and permissions.publish.missing(needs)):
            return _good(f"{what} is not there yet; it is made at the first start")
        return _bad(f"{what} does not exist, and may not be made", PROVISION)
    except AuditorError as error:
        return _bad(f"{what} cannot be used: {error}")
    try:
        for audit in auditor.config.audits:
            await (auditor.side_stream(audit) if section == "quarantine" else auditor.checkpoints(audit)).ensure()
        await probe_publish(auditor.client, own.stream, f"{own.subject_prefix}.doctor")
    except AuditorError as error:
        return _bad(f"{what} cannot be used: {error}")
    return _good(f"{what} is there, is safe, and takes what is written")


async def _canary(auditor: Auditor) -> Check:
    try:
        tested = await audit_canary(auditor, writes=False)
    except StreamNotFoundError:
        return _warning(f"there is no stream {CANARY}: nothing proves that the auditor still sees", PROVISION)
    except AuditorError as error:
        return _bad(f"self-test: {error}")
    return (
        _good(f"self-test: all that is planted in stream {CANARY} is found")
        if tested.ok
        else _bad(f"self-test: {tested.why}")
    )
