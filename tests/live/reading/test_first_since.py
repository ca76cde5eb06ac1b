"""The first message since a time."""

from __future__ import annotations

from auditor.jetstream.reading.first_since import first_seq_since
from tests.live.streams import STREAM, api, create, fill, walked


async def test_the_first_sequence_at_or_after_a_time_is_found_also_between_deleted_messages(server, client):
    source = await create(client)
    assert await first_seq_since(source, 0) == 1
    await fill(server, 40)
    messages = await walked(source, await source.info())
    for message in messages:
        first = next(each.seq for each in messages if each.time_ns >= message.time_ns)
        assert await first_seq_since(source, message.time_ns) == first
    assert await first_seq_since(source, messages[-1].time_ns + 1) == 41
    for seq in (*range(1, 6), *range(18, 25), 40):
        await api(client, f"STREAM.MSG.DELETE.{STREAM}", seq=seq)
    assert await first_seq_since(source, 0) == 6
    assert 18 <= await first_seq_since(source, messages[24].time_ns) <= 25
    assert await first_seq_since(source, messages[-1].time_ns + 1) >= 40
