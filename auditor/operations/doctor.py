"""Checks the permissions of the auditor, its own streams, and what endangers the audited streams.

Stores no message and creates no stream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from auditor.canary.stream import CANARY
from auditor.config import QuarantineConfig
from auditor.core.model.origin import is_copy
from auditor.core.state.checkpoint import CheckpointKind
from auditor.core.state.retention import count_actors_without_covering_snapshot
from auditor.errors import AuditorError, ConfigError, StreamNotFoundError
from auditor.jetstream.api import ConsumerLimitError, stream_info
from auditor.jetstream.eventstore.stream_settings import settings_aether_rejects
from auditor.jetstream.granted import granted_permissions
from auditor.jetstream.other_domains import check_other_domains
from auditor.jetstream.permissions import (
    probe_publish,
    probe_walk,
    to_create,
    to_publish,
    to_subscribe,
)
from auditor.jetstream.quarantine.stream_settings import quarantine_stream
from auditor.jetstream.reading.first_since import first_seq_since
from auditor.jetstream.state.stream_settings import state_stream
from auditor.operations.copy_risks import audited_risks, own_risks
from auditor.operations.pass_time import slow_passes
from auditor.operations.selftest import audit_canary
from auditor.scan.selection import why_nothing_is_selected
from auditor.service.web_files import WebFiles
from auditor.speedups import compiled, why_not
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from auditor.app import App
    from auditor.config import AuditConfig, StateConfig
    from auditor.jetstream.granted import Permissions
    from auditor.jetstream.reading.stream_source import StreamSource

SETTINGS_RULE = (
    'with other settings than its code demands, Aether fails at its next start with "stream name already in use"'
)
PROVISION = "create it as an administrator: auditor provision --config F"
EXPIRY_HORIZON = timedelta(days=30)
"""An actor whose first events expire within this time is reported."""


class Status(Enum):
    """The result of a check, as the character that marks its line."""

    OK = "✓"
    WARNING = "!"
    FAILED = "✗"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, and what to do if it is not OK."""

    status: Status
    text: str
    fix: str | None = None


def _ok(text: str) -> Check:
    return Check(Status.OK, text)


def _failed(text: str, fix: str | None = None) -> Check:
    return Check(Status.FAILED, text, fix)


def _warning(text: str, fix: str) -> Check:
    return Check(Status.WARNING, text, fix)


async def run_checks(app: App) -> AsyncIterator[Check]:
    """Run each check and yield its result. Raises ConnectionFailedError if the connection is lost."""
    if app.config.http.web_config_file is not None:
        yield _web_config(app.config.http.web_config_file)
    yield _speedups()
    permissions = await granted_permissions(app.client)
    for check in _permissions(app, permissions):
        yield check
    for audit in app.config.audits:
        async for check in _audited(app, audit):
            yield check
    for line in await slow_passes(app):
        yield _warning(line, "raise max_rate or full_pass_every of these audits")
    for own in (app.config.quarantine, app.config.state):
        yield await _own_stream(app, own, permissions)
        async for check in _own_copies(app, own):
            yield check
    yield await _canary(app)


def _web_config(file: str) -> Check:
    try:
        WebFiles(file)
    except ConfigError as error:
        return _failed(f"http.web_config_file {error}")
    return _ok(f"http.web_config_file {file}, and the files that it names, can be used")


def _speedups() -> Check:
    if compiled is not None:
        return _ok("the compiled speedups are in use")
    return _warning(
        f"the compiled speedups are not in use ({why_not}): the same findings take several times as long",
        "install a C compiler and Python's headers, and install aether-auditor again with AUDITOR_SPEEDUPS=require",
    )


def _permissions(app: App, permissions: Permissions | None) -> Iterator[Check]:
    if permissions is None:
        yield _warning(
            "the server does not report the permissions of this user: unneeded ones cannot be listed",
            'allow it to publish to "$SYS.REQ.USER.INFO"',
        )
        return
    config = app.config
    publish, subscribe = to_publish(config, CANARY), to_subscribe(config)
    may_create = (config.quarantine.create, config.state.create)
    create = [need for need, may in zip(to_create(config), may_create, strict=True) if may]
    for verb, rules, needs in (
        ("publish", permissions.publish, publish),
        ("subscribe", permissions.subscribe, subscribe),
    ):
        lacking = rules.missing(needs)
        for need in lacking:
            yield _failed(f"may not {verb} to {need.subject} ({need.purpose})", f'allow {verb}: "{need.subject}"')
        if not lacking:
            yield _ok(f"may {verb} to all subjects that it needs ({len(needs)})")
        beyond = rules.unneeded([*needs, *(create if verb == "publish" else ())])
        for subject in beyond:
            named = "any subject" if subject == ">" else subject
            yield _warning(
                f"may {verb} to {named}, which it does not need",
                "give the user the permissions of deploy/nats/auditor.conf",
            )


async def _audited(app: App, audit: AuditConfig) -> AsyncIterator[Check]:
    where = f"{audit.name}: stream {audit.stream}"
    source = app.source(audit)
    try:
        pinned = await source.info()
        no_consumer = await _why_no_consumer(app, audit)
        await source.is_readable(pinned.last_seq or 1)
        nothing_selected = await why_nothing_is_selected(source, pinned, audit)
        risks = await audited_risks(app.client_for(audit), audit.stream) if audit.replicas == "all" else []
    except AuditorError as error:
        yield _failed(f"{where} cannot be read: {error}")
        return
    yield _ok(f"{where} can be read: {pinned.messages} messages, sequences {pinned.first_seq} to {pinned.last_seq}")
    if no_consumer is not None:
        yield _warning(
            f"{no_consumer}: passes read it by single requests, slowly",
            f"nothing, if passes of {audit.name} are fast enough; else let the auditor create a consumer",
        )
    if nothing_selected is not None:
        yield _failed(f"{audit.name}: {nothing_selected}")
    config = pinned.config
    copies = is_copy(config)
    different = [] if copies else settings_aether_rejects(audit.stream, config)
    for difference in different:
        yield _failed(
            f"{where}: Aether cannot open it: {difference}",
            f"set it back before the next start of any Aether service: {SETTINGS_RULE}",
        )
    if copies:
        yield _ok(f"{where} copies another stream, so Aether does not open it")
    elif not different:
        yield _ok(f"{where} has the settings that Aether's constructor demands")
    if config.get("num_replicas", 1) == 1:
        yield _warning(
            f"{where} has one replica: it is lost if one disk fails",
            f"back it up; add replicas only together with a change of Aether's code: {SETTINGS_RULE}",
        )
    for risk in risks:
        yield _warning(f"{where} {risk.text}", risk.fix)
    if config.get("max_age"):
        yield await _expiry(app, audit, source, int(str(config["max_age"])))


async def _why_no_consumer(app: App, audit: AuditConfig) -> str | None:
    """Why the auditor may create no consumer of the stream, in one line; None if it may, or need not. Raises AuditorError."""
    if audit.read_by == "get":
        return None
    try:
        await probe_walk(app.client_for(audit), audit.stream)
    except ConsumerLimitError as error:
        if audit.read_by == "consumer":
            raise
        return str(error)
    return None


async def _expiry(app: App, audit: AuditConfig, source: StreamSource, max_age_ns: int) -> Check:
    """Whether actors lose their first events soon and have no snapshot to replay from, by the checkpoint of the last pass."""
    where = f"{audit.name}: stream {audit.stream}"
    try:
        state_store = app.state_store(audit, store=False)
        await state_store.load_history()
        checked_out = await state_store.check_out(CheckpointKind.COMPLETED)
    except AuditorError as error:
        return _warning(
            f"{where}: it is unknown which actors lose events soon: {error}", "see the check of the state stream"
        )
    if checked_out is None:
        return _warning(
            f"{where}: it is unknown until the first full pass which actors lose events soon",
            "run a pass: auditor scan --config F",
        )
    kept_from = await first_seq_since(
        source, time.time_ns() - max_age_ns + int(EXPIRY_HORIZON.total_seconds()) * NANOSECONDS
    )
    endangered = count_actors_without_covering_snapshot(checked_out.checkpoint.state.ledger, kept_from)
    if not endangered:
        return _ok(
            f"{where}: within {EXPIRY_HORIZON.days} days no actor loses its first events without a snapshot to replay from"
        )
    return _warning(
        f"{where}: {endangered} actors lose their first events within {EXPIRY_HORIZON.days} days"
        " and have no snapshot that stays",
        "have the application save snapshots of them; raise max_age only together with a change of Aether's code: "
        + SETTINGS_RULE,
    )


async def _check_domains(app: App, own: QuarantineConfig | StateConfig) -> None:
    """Raise AuditorError if a stream of another domain takes the messages for this one."""
    stream = quarantine_stream(own) if isinstance(own, QuarantineConfig) else state_stream(own)
    await check_other_domains(app.client, app.client_for(own), stream)


async def _own_stream(app: App, own: QuarantineConfig | StateConfig, permissions: Permissions | None) -> Check:
    """Whether the stream exists or may be created, has safe settings, and accepts messages."""
    section = "quarantine" if isinstance(own, QuarantineConfig) else "state"
    text = f"{section}: stream {own.stream}"
    try:
        await _check_domains(app, own)
        await stream_info(app.client_for(own), own.stream)
    except StreamNotFoundError:
        needs = [need for need in to_create(app.config) if need.subject.endswith(f".{own.stream}")]
        if not own.create:
            fix = f"{PROVISION}; or set {section}.create to true"
            return _failed(f"{text} does not exist, and the auditor may not create it", fix)
        subjects = ", ".join(f'"{need.subject}"' for need in needs)
        fix = f"{PROVISION}; or allow publish: {subjects}"
        if permissions is None:
            return _warning(f"{text} does not exist yet; it is unknown whether the auditor may create it", fix)
        if permissions.publish.missing(needs):
            return _failed(f"{text} does not exist, and the auditor may not create it", fix)
        return _ok(f"{text} does not exist yet; the auditor creates it at its first start")
    except AuditorError as error:
        return _failed(f"{text} cannot be used: {error}")
    try:
        await _check_settings(app, own)
        await probe_publish(app.client, own.stream, f"{own.subject_prefix}.doctor")
    except AuditorError as error:
        return _failed(f"{text} cannot be used: {error}")
    return _ok(f"{text} exists, has safe settings, and accepts messages")


async def _own_copies(app: App, own: QuarantineConfig | StateConfig) -> AsyncIterator[Check]:
    """What endangers the stream in a cluster. A stream that is absent or cannot be used has its own check."""
    section = "quarantine" if isinstance(own, QuarantineConfig) else "state"
    try:
        risks = await own_risks(app.client_for(own), own.stream, section)
    except AuditorError:
        return
    for risk in risks:
        yield _warning(f"{section}: stream {own.stream} {risk.text}", risk.fix)


async def _check_settings(app: App, own: QuarantineConfig | StateConfig) -> None:
    """Raise AuditorError if the stream is absent, could lose messages, or overlaps an audited stream. Creates nothing."""
    existing_only = own.model_copy(update={"create": False})
    if isinstance(existing_only, QuarantineConfig):
        await quarantine_stream(existing_only).ensure(app.client_for(own), *app.audited_streams)
    else:
        await state_stream(existing_only).ensure(app.client_for(own), *app.audited_streams)


async def _canary(app: App) -> Check:
    try:
        tested = await audit_canary(app, store=False)
    except StreamNotFoundError:
        return _warning(f"stream {CANARY} does not exist: the self-test cannot run", PROVISION)
    except AuditorError as error:
        return _failed(f"self-test: {error}")
    return (
        _ok(f"self-test: all damage in stream {CANARY} is found")
        if tested.ok
        else _failed(f"self-test: {tested.problems}")
    )
