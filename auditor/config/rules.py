"""Checks single values and combinations of values. Each check raises or yields the text of a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from auditor.aether.stream_layout import StreamLayout
from auditor.aether.subjects import unreadable_id_reason
from auditor.config.values import quoted
from auditor.core.model.subject_filter import overlaps

SCHEMES = ("nats", "tls", "ws", "wss")

MAX_NAME_BYTES = 255
"""The longest name of a stream that the server accepts. A prefix leaves room for the rest of a subject."""

CREDENTIALS = ("credentials_file", "user", "token", "token_file", "nkey_seed_file")
"""Settings of `nats` of which one can be given."""

Problem = tuple[str, str]
"""A path in the file, and the problem at that path."""


def server_url(url: str) -> str:
    """Return `url` if it is the URL of a NATS server. Raises ValueError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = None
    if not good:
        raise ValueError("is not a server's URL (write nats://host:4222; tls://, ws:// and wss:// work too)")
    return url


def nats_name(name: str) -> str:
    """Return `name` if it can be the name of a stream. Raises ValueError."""
    if not name or re.search(r"[\s.*>/\\]", name) or not name.isprintable():
        raise ValueError(f"{quoted(name)} cannot be a stream's name (no spaces, dots, *, >, / or \\)")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"cannot be a stream's name: it is longer than {MAX_NAME_BYTES} bytes")
    return name


def subject_prefix(prefix: str) -> str:
    """Return `prefix` if it consists of tokens without wildcards. Raises ValueError."""
    if not all(_is_token(token) and token not in {"*", ">"} for token in prefix.split(".")):
        raise ValueError(f"{quoted(prefix)} cannot begin a subject (tokens between dots, no spaces and no wildcards)")
    if len(prefix.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"cannot begin a subject: it is longer than {MAX_NAME_BYTES} bytes")
    return prefix


def domain_name(domain: str) -> str:
    """Return `domain` if it can be a JetStream domain, or is empty. Raises ValueError."""
    if domain and (not _is_token(domain) or re.search(r"[.*>]", domain)):
        raise ValueError(f"{quoted(domain)} cannot be a JetStream domain (no spaces, dots, * or >)")
    return domain


def file_name(name: str) -> str:
    """Return `name` if it can be a path. Raises ValueError."""
    if not name or "\0" in name:
        raise ValueError("is not the name of a file")
    return name


def _is_token(token: str) -> bool:
    return bool(token) and not re.search(r"\s", token) and token.isprintable()


def cross_field_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of values that are valid one by one. Values of a wrong type are skipped."""
    nats, quarantine, state = (mapping(tree.get(name)) for name in ("nats", "quarantine", "state"))
    yield from _servers(nats)
    yield from _credentials(nats)
    yield from _api("nats", nats)
    yield from _api("quarantine", quarantine)
    yield from _api("state", state)
    audits = [mapping(audit) for audit in _list(tree.get("audits"))]
    yield from _names(audits)
    for at, audit in enumerate(audits):
        yield from _audit(f"audits[{at}]", audit)
    own = {
        "quarantine": (
            quarantine.get("stream", "AETHER_QUARANTINE"),
            quarantine.get("subject_prefix", "aether.quarantine"),
        ),
        "state": (state.get("stream", "AETHER_AUDIT"), state.get("subject_prefix", "aether.audit")),
    }
    streams = {audit["stream"] for audit in audits if isinstance(audit.get("stream"), str)}
    prefixes_of_events = {prefix for audit in audits if (prefix := _events_of(audit)) is not None}
    for section, (stream, prefix) in own.items():
        if isinstance(stream, str) and stream in streams:
            yield f"{section}.stream", f"{quoted(stream)} is an audited stream, to which the auditor never writes"
        for audited in sorted(prefixes_of_events):
            if isinstance(prefix, str) and any(
                overlaps(f"{prefix}.>", taken) for taken in StreamLayout(audited).subjects
            ):
                yield f"{section}.subject_prefix", f"{quoted(prefix)} overlaps the audited subjects of {audited}"
    if own["quarantine"][0] == own["state"][0]:
        yield "state.stream", "is the same as quarantine.stream"
    prefixes = [prefix for _, prefix in own.values() if isinstance(prefix, str)]
    if len(prefixes) == 2 and overlaps(f"{prefixes[0]}.>", f"{prefixes[1]}.>"):
        yield "state.subject_prefix", "overlaps quarantine.subject_prefix"


def _servers(nats: Mapping[str, Any]) -> Iterator[Problem]:
    is_websocket = {url.startswith(("ws://", "wss://")) for url in _list(nats.get("servers")) if isinstance(url, str)}
    if len(is_websocket) > 1:
        yield "nats.servers", "has WebSocket URLs (ws://, wss://) and others: keep one of the two kinds"


def _credentials(nats: Mapping[str, Any]) -> Iterator[Problem]:
    ways = [name for name in CREDENTIALS if nats.get(name) is not None]
    if len(ways) > 1:
        yield "nats", f"gives more than one kind of credentials ({', '.join(ways)}): keep one"
    passwords = [name for name in ("password", "password_file") if nats.get(name) is not None]
    if len(passwords) > 1:
        yield "nats.password_file", "cannot be combined with nats.password: keep one of the two"
    if nats.get("user") is None and passwords:
        yield f"nats.{passwords[0]}", "needs nats.user, too"
    if nats.get("user") is not None and not passwords:
        yield "nats.user", "needs nats.password or nats.password_file, too"
    tls = mapping(nats.get("tls"))
    if tls.get("key_file") is not None and tls.get("cert_file") is None:
        yield "nats.tls.key_file", "needs nats.tls.cert_file, too"
    servers = [url for url in _list(nats.get("servers")) if isinstance(url, str)]
    if any(url.startswith(("ws://", "wss://")) for url in servers):
        for name in ("server_name", "handshake_first"):
            if tls.get(name):
                yield f"nats.tls.{name}", "has no effect on WebSocket URLs (ws://, wss://): remove it"


def _names(audits: list[Mapping[str, Any]]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, audit in enumerate(audits):
        name = audit.get("name")
        if isinstance(name, str) and first.setdefault(name, at) != at:
            yield f"audits[{at}].name", f"{quoted(name)} is used twice (audits[{first[name]}] has it too)"


def _audit(path: str, audit: Mapping[str, Any]) -> Iterator[Problem]:
    prefix = _events_of(audit)
    subjects, actors = _list(audit.get("subjects")), _list(audit.get("actors"))
    if subjects and actors:
        yield f"{path}.actors", "cannot be combined with subjects: keep one of the two"
    for at, actor in enumerate(actors):
        if isinstance(actor, str) and (reason := unreadable_id_reason(actor)):
            yield f"{path}.actors[{at}]", f"cannot be the id of an actor: {reason}"
    for at, subject in enumerate(subjects):
        if isinstance(subject, str) and prefix is not None:
            yield from _subject(f"{path}.subjects[{at}]", subject, StreamLayout(prefix).events_prefix)
    yield from _api(path, audit)
    schedule = mapping(audit.get("schedule"))
    if audit.get("schedule") is not None and (schedule.get("every") is None) == (schedule.get("cron") is None):
        yield f"{path}.schedule", "needs either every or cron"


def _events_of(audit: Mapping[str, Any]) -> str | None:
    """The subject prefix of an audit; None if it is not text."""
    prefix = audit.get("subject_prefix")
    prefix = audit.get("stream") if prefix is None else prefix
    return prefix if isinstance(prefix, str) else None


def _api(path: str, section: Mapping[str, Any]) -> Iterator[Problem]:
    if section.get("jetstream_domain") is not None and section.get("jetstream_api_prefix") is not None:
        yield f"{path}.jetstream_api_prefix", "cannot be combined with jetstream_domain: keep one of the two"


def _subject(path: str, subject: str, prefix: str) -> Iterator[Problem]:
    tokens, before = subject.split("."), prefix.split(".")[:-1]
    if not all(_is_token(token) for token in tokens) or ">" in tokens[:-1]:
        yield path, f"{quoted(subject)} is not a subject (tokens between dots, * for one, > only at the end)"
    elif tokens[: len(before)] != before or len(tokens) <= len(before):
        yield path, f"{quoted(subject)} is outside the stream's events: it must begin with {prefix}"


def _list(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is a mapping, otherwise an empty one."""
    return value if isinstance(value, Mapping) else {}
