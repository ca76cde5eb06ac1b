"""A message that the server no longer returns was deleted, has expired, or is missing without an explanation."""

from __future__ import annotations

from auditor.scan.gone import first_unexplained
from tests.ports.in_memory import InMemorySource
from tests.scan.passes import GOOD


async def test_the_first_message_that_was_neither_deleted_nor_purged_is_named() -> None:
    stream = InMemorySource(GOOD)
    stream.purge(1)
    stream.delete(4)
    info = await stream.info()
    assert await first_unexplained(stream, info, [1, 4]) is None
    assert await first_unexplained(stream, info, [1, 4, 5, 6]) == 5
    assert await first_unexplained(stream, info, []) is None
