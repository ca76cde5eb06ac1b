"""Publishes messages byte for byte, also such as no client sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from collections.abc import Sequence


class Publication(NamedTuple):
    """A message to publish. `headers` is the whole block, sent as it is."""

    subject: bytes
    data: bytes = b""
    headers: bytes | None = None


async def publish(port: int, publications: Sequence[Publication]) -> None:
    """Publish to the server on `port`; return when the stream has stored the last one."""
    async with RawPublisher(port) as publisher:
        await publisher.publish(publications)
