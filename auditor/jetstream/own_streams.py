"""The streams that the auditor itself writes to: created if they may be, kept apart from what is audited, refused if unsafe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.core.model.subject_filter import is_subset, overlaps
from auditor.errors import StreamNotFoundError
from auditor.jetstream.api import STREAM_NAME_IN_USE, JetStreamError, StreamInfo, ask, stream_info

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.errors import AuditorError
    from auditor.jetstream.connection.client import Client

FORBIDDEN = (
    "allow_msg_counter",  # turns plain publishes away
    "max_msg_size",  # what is written is cut to max_payload
    "mirror",
    "no_ack",  # nobody would know what is stored
    "persist_mode",  # acknowledges before it is on disk
    "sealed",
    "sources",
    "subject_transform",  # messages would land on other subjects
)
"""Settings that must be left as the server has them by default."""
DEFAULTS: tuple[object, ...] = (None, False, -1, 0, [], {}, "", "default")


@dataclass(frozen=True, slots=True)
class OwnedStream:
    """One of them, as it is configured."""

    section: str
    """Of the configuration: "quarantine" or "state"."""
    name: str
    subject_prefix: str
    create: bool
    """Whether it may be created."""
    replicas: int
    error: type[AuditorError]
    """What is raised if it cannot be used."""
    loses: str
    """What an unsafe one could lose."""

    @property
    def wildcard(self) -> str:
        """Every subject that is written to."""
        return f"{self.subject_prefix}.>"

    def settings(self, **own: Any) -> dict[str, Any]:
        """The stream as the auditor creates it, with what is its `own`."""
        subjects = [self.wildcard]
        return {"name": self.name, "subjects": subjects, "num_replicas": self.replicas, "allow_direct": True, **own}

    async def ensure(
        self,
        client: Client,
        audited_stream: str,
        settings: Mapping[str, Any],
        unsafe: Callable[[Mapping[str, Any]], list[str]],
    ) -> StreamInfo:
        """What it is like; it is created with `settings` if it is absent and may be, and none of its settings is `unsafe`.

        Raises `error`, PermissionDeniedError, ConnectionFailedError.
        """
        await self._keep_apart(client, audited_stream)
        try:
            info = await stream_info(client, self.name)
        except StreamNotFoundError:
            if not self.create:
                raise self.error(
                    f"{self.section} stream {self.name} does not exist: run `auditor provision` as an administrator, "
                    f"or set {self.section}.create to true"
                ) from None
            info = await self._create(client, settings)
        if problems := unsafe(info.config):
            raise self.error(
                f"{self.section} stream {self.name} could lose {self.loses} and is refused: {'; '.join(problems)}; "
                f"change these settings, or name another stream in {self.section}.stream"
            )
        return info

    async def _keep_apart(self, client: Client, audited_stream: str) -> None:
        """The audited stream is never written, so nothing of ours may ever be meant for it."""
        if self.name == audited_stream:
            raise self.error(f"{self.section}.stream is the audited stream {audited_stream}: name another one")
        try:
            audited = await stream_info(client, audited_stream)
        except StreamNotFoundError:
            return  # for the pass to report
        for subject in audited.config.get("subjects") or ():
            if overlaps(subject, self.wildcard):
                raise self.error(
                    f"{self.section}.subject_prefix {self.subject_prefix} overlaps subject {subject} "
                    f"of the audited stream {audited_stream}: choose another prefix"
                )

    async def _create(self, client: Client, settings: Mapping[str, Any]) -> StreamInfo:
        subject = f"STREAM.CREATE.{self.name}"
        try:
            info = await ask(client, self.name, subject, dict(settings), StreamInfo, expected_error=STREAM_NAME_IN_USE)
        except JetStreamError as error:
            raise self.error(f"{self.section} stream {self.name} cannot be created: {error}") from error
        return await stream_info(client, self.name) if info.error else info

    def unsafe_settings(
        self, found: Mapping[str, Any], needed: Mapping[str, Any], forbidden: tuple[str, ...] = ()
    ) -> list[str]:
        """Every setting of the stream `found` that both kinds of stream must not have, and what is needed instead."""
        unsafe = [
            f"{name} is {json.dumps(found[name]) if name in found else 'not set'}, must be {json.dumps(value)}"
            for name, value in needed.items()
            if found.get(name) != value
        ]
        unsafe += [
            f"{name} is set, must not be"
            for name in sorted({*FORBIDDEN, *forbidden})
            if found.get(name) not in DEFAULTS
        ]
        if not any(is_subset(subject, self.wildcard) for subject in found.get("subjects") or ()):
            unsafe.append(f"subjects are {json.dumps(found.get('subjects'))}, must cover {self.wildcard}")
        if found.get("num_replicas", 1) < self.replicas:
            unsafe.append(f"num_replicas is {found.get('num_replicas', 1)}, must be at least {self.replicas}")
        return unsafe
