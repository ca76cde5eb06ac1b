"""Reads from the settings of a stream which other stream it copies, and with which prefix its subjects then begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.aether.stream_layout import prefix_of_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def is_copy(config: Mapping[str, Any]) -> bool:
    """Whether the stream gets messages from another stream, so that Aether does not write to it."""
    return bool(config.get("mirror") or config.get("sources"))


def prefixes_of_origin(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the stream does, as a part of a line, and the prefix of subjects that follows from it.

    Aether's subjects begin with the name of their stream, which a mirror and a source keep unless they transform it.
    """
    for verb, origin in _origins(config):
        for transform in origin.get("subject_transforms") or ():
            yield f"{verb} {origin.get('name')} and transforms its subjects", _prefix(transform.get("dest", ""))
        if not origin.get("subject_transforms"):
            yield f"{verb} {origin.get('name')}", str(origin.get("name"))
    transform = config.get("subject_transform")
    if transform:
        yield "transforms its subjects", _prefix(transform.get("dest", ""))
    for subject in config.get("subjects") or ():
        prefix = prefix_of_event(subject.encode())
        if prefix is not None:
            yield f"stores {subject}", prefix


def _origins(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if config.get("mirror"):
        yield "mirrors", config["mirror"]
    for source in config.get("sources") or ():
        yield "copies", source


def _prefix(destination: str) -> str:
    """The prefix of the subjects that a transform makes, such as `COPY` of `COPY.>` and of `COPY.events.>`."""
    return prefix_of_event(destination.encode()) or destination.removesuffix(".>")
