"""The search for the next readable sequence, on a model of a server that gives up at blocks it cannot read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.model.message import StoredMessage
from auditor.jetstream.reading import unreadable as module
from auditor.jetstream.reading.unreadable import next_readable


class Server:
    """Finds the first message from a sequence on, unless it meets an unreadable block before it."""

    def __init__(self, blocks: list[tuple[int, bool]], deleted: frozenset[int] = frozenset()) -> None:
        self.readable = [readable for size, readable in blocks for _ in range(size)]
        self.deleted = deleted
        self.requests = 0

    async def get_message(self, _client, _stream, *, seq, next_by_subj):
        assert next_by_subj == ">"
        self.requests += 1
        while seq <= len(self.readable) and self.readable[seq - 1]:
            if seq not in self.deleted:
                return StoredMessage(seq, 0, b"S", None, b"")
            seq += 1
        return None


async def search(server, first_seq=1):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "get_message", server.get_message)
        return await next_readable(None, "S", ">", first_seq=first_seq, last_seq=len(server.readable))


@given(bad=st.integers(1, 5000), good=st.integers(1, 5000))
async def test_the_end_of_one_unreadable_block_is_found(bad, good):
    assert await search(Server([(bad, False), (good, True)])) == bad + 1


@given(blocks=st.lists(st.tuples(st.integers(800, 1200), st.booleans()), min_size=1, max_size=8))
async def test_a_readable_block_between_unreadable_ones_of_similar_size_is_found(blocks):
    server = Server([(1000, False), *blocks])
    first = server.readable.index(True) + 1 if True in server.readable else len(server.readable) + 1
    assert await search(server) == first


@given(before=st.integers(1, 3000), deleted=st.integers(0, 100))
async def test_deleted_messages_behind_the_block_are_left_out(before, deleted):
    gone = frozenset(range(before + 1, before + 1 + deleted))
    assert await search(Server([(before, False), (1000, True)], gone)) == before + 1 + deleted


async def test_a_stream_without_a_readable_message_ends_the_search_behind_it():
    assert await search(Server([(5000, False)])) == 5001


async def test_the_search_begins_at_the_given_sequence():
    server = Server([(10, True), (1000, False), (100, True)])
    assert await search(server, first_seq=11) == 1011
    assert await search(server, first_seq=5) == 5


async def test_the_number_of_requests_is_bounded():
    server = Server([(5_000_000, False)])
    assert await search(server) == 5_000_001
    assert server.requests < 400
