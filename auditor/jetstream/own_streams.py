"""Creates and checks the streams that the auditor itself writes to: the quarantine stream and the state stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.core.model.subject_filter import is_subset, overlaps
from auditor.errors import PermissionDeniedError, StreamNotFoundError
from auditor.jetstream.api import TIMEOUT, JetStreamError, create_or_use_stream, stream_info
from auditor.jetstream.leader_wait import await_leader
from auditor.jetstream.stream_settings import FORBIDDEN, not_default, wrong_values
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import QuarantineConfig, StateConfig
    from auditor.errors import AuditorError
    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.reading.stream_source import StreamSource

FORBIDDEN_IN_OWN = (
    *FORBIDDEN,
    "max_msg_size",  # messages of the auditor may be as large as max_payload
    "persist_mode",  # the server would confirm a message before it is on disk
    "sources",
)
"""Settings that neither stream may have."""


@dataclass(frozen=True, slots=True)
class OwnedStream:
    """One of the two streams, and what its settings must be."""

    section: str
    """Of the configuration file: "quarantine" or "state"."""
    config: QuarantineConfig | StateConfig
    error: type[AuditorError]
    """Raised if the stream cannot be used."""
    what_is_lost: str
    """By a stream with unsafe settings."""
    description: str
    required: Mapping[str, Any]
    """Settings that must have these values."""
    forbidden: tuple[str, ...]
    """Settings that must not be set, besides those of `FORBIDDEN_IN_OWN`."""
    max_bytes: int
    """With which the stream is created. Another limit is accepted."""
    max_age_ns: int | None = None
    """The least age at which the stream may remove messages (0: never). None: not checked."""

    @property
    def wildcard(self) -> str:
        """Every subject that the auditor writes to."""
        return f"{self.config.subject_prefix}.>"

    def settings(self) -> dict[str, Any]:
        """Return the settings with which the auditor creates the stream."""
        settings = {
            "name": self.config.stream,
            "subjects": [self.wildcard],
            "num_replicas": self.config.replicas,
            "allow_direct": True,
            "description": self.description,
            **self.required,
            "max_bytes": self.max_bytes,
        }
        return settings if self.max_age_ns is None else {**settings, "max_age": self.max_age_ns}

    async def ensure(self, client: ApiClient, *audited: StreamSource) -> StreamInfoReply:
        """Return the info of the stream; it is created if it does not exist and the configuration allows that.

        Raises `error` if the stream is missing or its settings are unsafe, PermissionDeniedError, ConnectionFailedError.
        """
        for stream in audited:
            await self._check_overlap(stream)
        try:
            info = await await_leader(client, lambda: stream_info(client, self.config.stream))
        except StreamNotFoundError:
            if not self.config.create:
                raise self.error(
                    f"{self.section} stream {self.config.stream} does not exist: run `auditor provision` as an administrator, "
                    f"or set {self.section}.create to true"
                ) from None
            info = await self._create(client)
        if problems := self.unsafe_settings(info.config):
            raise self.error(
                f"{self.section} stream {self.config.stream} could lose {self.what_is_lost} and is refused: "
                f"{'; '.join(problems)}; change these settings, or name another stream in {self.section}.stream"
            )
        return info

    async def _check_overlap(self, stream: StreamSource) -> None:
        """Raise `error` if the audited stream would store messages of the auditor."""
        if self.config.stream == stream.name:
            raise self.error(f"{self.section}.stream is the audited stream {stream.name}: name another one")
        try:
            audited = await stream.info()
        except StreamNotFoundError:
            return  # the pass reports it
        for subject in audited.subjects:
            if overlaps(subject, self.wildcard):
                raise self.error(
                    f"{self.section}.subject_prefix {self.config.subject_prefix} overlaps subject {subject} "
                    f"of the audited stream {stream.name}: choose another prefix"
                )

    async def _create(self, client: ApiClient) -> StreamInfoReply:
        try:
            return await create_or_use_stream(client, self.settings(), timeout=TIMEOUT)
        except PermissionDeniedError as error:
            raise PermissionDeniedError(
                f"{self.section} stream {self.config.stream} does not exist: run `auditor provision` as an administrator ({error})"
            ) from error
        except JetStreamError as error:
            raise self.error(f"{self.section} stream {self.config.stream} cannot be created: {error}") from error

    def unsafe_settings(self, found: Mapping[str, Any]) -> list[str]:
        """Return a line for each setting in `found` that could lose messages or fill the disk, with what is needed."""
        forbidden = sorted({*FORBIDDEN_IN_OWN, *self.forbidden})
        unsafe = wrong_values(found, self.required)
        unsafe += [f"{name} is set, must not be" for name in not_default(found, forbidden)]
        if not any(is_subset(subject, self.wildcard) for subject in found.get("subjects") or ()):
            unsafe.append(f"subjects are {json.dumps(found.get('subjects'))}, must cover {self.wildcard}")
        if found.get("num_replicas", 1) < self.config.replicas:
            unsafe.append(f"num_replicas is {found.get('num_replicas', 1)}, must be at least {self.config.replicas}")
        if found.get("max_bytes", -1) <= 0:
            unsafe.append(f"max_bytes is unlimited, must be a limit such as {self.max_bytes}")
        if self.max_age_ns is not None:
            unsafe += _too_short_age(found.get("max_age", 0), self.max_age_ns)
        return unsafe


def _too_short_age(found_ns: int, needed_ns: int) -> list[str]:
    if not found_ns or 0 < needed_ns <= found_ns:
        return []
    needed = f"at least {needed_ns / NANOSECONDS:g}s" if needed_ns else "0 (for ever)"
    return [f"max_age is {found_ns / NANOSECONDS:g}s, must be {needed}"]
