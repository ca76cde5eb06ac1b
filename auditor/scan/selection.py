"""Checks that the audit selects messages at all: a wrong subject would otherwise make every stream clean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import StreamLayout, prefix_of_event
from auditor.core.model.origin import prefixes_of_origin
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.config import AuditConfig
    from auditor.core.model.message import StreamInfo
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

MAX_PREFIXES = 5
"""Subject prefixes that are named."""


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """Whether the audit selects messages of the stream."""

    incomplete: str | None = None
    """Why the audit has probably the wrong subjects, in one line; None if it has not."""
    notes: tuple[str, ...] = ()
    """What an operator should know about messages that were not selected, one line each."""


async def check_selection(
    source: Source, info: StreamInfo, checkpoint: Checkpoint, request: PassRequest, *, is_filtered: bool
) -> SelectionResult:
    """Whether an audit that examined no message, of a stream that has messages, has the right subjects.

    `is_filtered`: only the subjects of the audit were read, so that no message was skipped. Never raises an AuditorError: if the server does not list the subjects of the stream, the audit is incomplete.
    """
    segments = checkpoint.state.segments
    notes = tuple(
        f"messages on {StreamLayout(prefix).all_events} were skipped: they are not on the subjects of this audit"
        for prefix in segments.other_prefixes[:MAX_PREFIXES]
    )
    if segments.examined or not info.messages or not (is_filtered or segments.skipped):
        return SelectionResult(notes=notes)
    try:
        wrong = await why_nothing_is_selected(source, info, request.audit)
    except AuditorError as error:
        return SelectionResult(
            f"no message is on the subjects of this audit, and those of the stream are not known: {error}", notes
        )
    if wrong is None and request.audit.actors:
        notes = (*notes, f"nothing is stored for {_named(request.audit.actors)}")
    return SelectionResult(wrong, notes)


async def why_nothing_is_selected(source: Source, info: StreamInfo, audit: AuditConfig) -> str | None:
    """Why no message of the stream is on the subjects of the audit, in one line that says what to do.

    None if one is, if the stream is empty, or if the audit names its actors and the stream has events of others. Raises the
    AuditorErrors of a source.
    """
    if not info.messages:
        return None
    for subjects in (audit.layout.all_events,) if audit.actors else audit.all_subjects:
        if await source.subjects(subjects):
            return None
    held = await source.subjects(">")
    return (
        f"none of the {info.messages} messages of stream {info.name} is on the subjects of this audit: it holds messages on"
        f" {', '.join(_prefixes(held))}; {_remedy(info, audit, held)}"
    )


def _remedy(info: StreamInfo, audit: AuditConfig, held: Iterable[str]) -> str:
    """What to do about an audit of the wrong subjects: set the prefix that follows from the stream's settings or messages."""
    for origin, offered in prefixes_of_origin(info.config):
        if offered != audit.layout.prefix:
            return f"it {origin}, so set subject_prefix of audit {audit.name} to {offered}"
    prefixes = {prefix for subject in held if (prefix := prefix_of_event(subject.encode()))}
    if len(prefixes) == 1 and prefixes != {audit.layout.prefix}:
        return f"set subject_prefix of audit {audit.name} to {prefixes.pop()}"
    return f"check `stream`, `subject_prefix` and `subjects` of audit {audit.name}"


def _prefixes(subjects: Iterable[str]) -> list[str]:
    """The most frequent first two tokens of subjects, as filters."""
    counts = Counter(_filter(subject) for subject in subjects)
    named = sorted(counts, key=lambda prefix: -counts[prefix])[:MAX_PREFIXES]
    return [*named, "other subjects"] if len(counts) > MAX_PREFIXES else named


def _filter(subject: str) -> str:
    tokens = subject.split(".")
    return subject if len(tokens) <= 2 else f"{tokens[0]}.{tokens[1]}.>"


def _named(actors: tuple[str, ...]) -> str:
    named = ", ".join(f'"{actor}"' for actor in actors[:MAX_PREFIXES])
    return (
        f"actor {named}" if len(actors) == 1 else f"actors {named}{' and others' if len(actors) > MAX_PREFIXES else ''}"
    )
