"""Stream info, deleted sequences and single messages of a real stream."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from auditor.core.model.message import NO_LOSS, StreamInfo
from auditor.embedded_server import EmbeddedServer
from auditor.errors import (
    ConnectionFailedError,
    StreamNotFoundError,
    StreamRecreatedError,
    WalkIncompleteError,
    WrongAnswerError,
)
from auditor.jetstream import api as api_module
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.connecting import at_once, connected
from tests.live.lies.proxy import LiarProxy
from tests.live.lies.table import INFO, ToAnswers, ToDeliveries, add, set_at
from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, api, create, fill, walked


async def test_info_gives_the_range_counts_and_settings_of_the_stream(server, client):
    before = time.time_ns()
    source = await create(client, max_age=3_600_000_000_000)
    state = await source.info()
    assert state == StreamInfo("S", state.created_ns, 1, 0, 0, 0, subjects=("S.>",), config=state.config)
    await fill(server, 10)
    await api(client, "STREAM.MSG.DELETE.S", seq=1)
    await api(client, "STREAM.MSG.DELETE.S", seq=5)
    pinned = await source.info()
    assert (pinned.first_seq, pinned.last_seq, pinned.messages, pinned.deleted, pinned.lost) == (2, 10, 8, 1, NO_LOSS)
    assert before - 1_000_000_000 < pinned.created_ns < time.time_ns()
    assert pinned.config["max_age"] == 3_600_000_000_000
    await api(client, "STREAM.PURGE.S")
    pinned = await source.info()
    assert (pinned.first_seq, pinned.last_seq, pinned.messages) == (11, 10, 0)


async def test_a_missing_stream_and_a_server_or_account_without_jetstream_are_distinguished(client):
    with pytest.raises(StreamNotFoundError, match="stream NONE does not exist"):
        await StreamSource(client, "NONE").info()
    async with EmbeddedServer(jetstream=False) as without, connected(without) as other:
        with pytest.raises(ConnectionFailedError, match="JetStream does not answer for stream S: enable it"):
            await StreamSource(other, "S").info()
    accounts = "accounts {A {jetstream: enabled, users: [{user: a, password: p}]}, B {users: [{user: b, password: p}]}}"
    async with EmbeddedServer(config=accounts) as server, connected(server, user="b", password="p") as other:
        with pytest.raises(ConnectionFailedError, match="enable"):
            await StreamSource(other, "S").info()


async def test_info_for_a_pass_has_the_account_of_the_user_if_the_server_reports_it():
    users = 'users: [{user: a, password: p}, {user: b, password: p, permissions: {publish: {deny: "$SYS.REQ.>"}}}]'
    async with EmbeddedServer(config=f"accounts {{SHOP {{jetstream: enabled, {users}}}}}") as server:
        for user, account in (("a", "SHOP"), ("b", "")):
            async with connected(server, user=user, password="p") as client:
                source = await create(client)
                assert (await source.info()).account == ""
                with at_once():
                    assert (await source.info(lost=True)).account == account


async def test_deleted_sequences_are_returned_as_sorted_ranges(server, client):
    source = await create(client)
    await fill(server, 100)
    pinned = await source.info()
    assert (await source.deleted(pinned))[1] == []
    for seq in (50, 3, 4, 5, 98, 99, 1):
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    state, ranges = await source.deleted(pinned)
    assert ranges == [(3, 5), (50, 50), (98, 99)]
    assert (state.first_seq, state.last_seq, state.deleted) == (2, 100, 6)


async def test_a_deletion_that_the_server_lists_before_the_start_of_the_stream_is_left_out(server, client):
    source = await create(client)
    await fill(server, 2)
    await api(client, "STREAM.MSG.DELETE.S", seq=2)
    await api(client, "STREAM.PURGE.S", seq=2)
    await fill(server, 3)
    await api(client, "STREAM.MSG.DELETE.S", seq=4)
    listed = (await api(client, "STREAM.INFO.S", deleted_details=True))["state"]["deleted"]
    assert listed == [2, 4], "nats-server no longer lists it: remove the rule"
    info = await source.info(lost=True)
    assert (info.first_seq, info.deleted, info.contradiction) == (3, 1, None)
    assert (await source.deleted(info))[1] == [(4, 4)]


async def test_many_adjacent_deleted_sequences_are_one_range(server, client):
    source = await create(client, max_msgs_per_subject=1)
    pinned = await source.info()
    await publish(server.port, [Publication(b"S.first"), *[Publication(b"S.same", b"%d" % n) for n in range(50_000)]])
    state, ranges = await source.deleted(pinned)
    assert (state.messages, state.deleted) == (2, 49_999)
    assert ranges == [(2, 50_000)]


async def test_a_list_of_deleted_sequences_that_is_too_long_is_not_requested(server, client, monkeypatch):
    source = await create(client)
    await fill(server, 10)
    pinned = await source.info()
    for seq in (3, 5, 7):
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    monkeypatch.setattr(api_module, "MAX_DELETED_LISTED", 2)
    with pytest.raises(WalkIncompleteError, match="has 3 deleted sequences, and a server can list 2"):
        await source.deleted(pinned)


async def test_deleted_sequences_of_a_recreated_stream_are_not_returned(server, client):
    source = await create(client)
    pinned = await source.info()
    await api(client, "STREAM.DELETE.S")
    await create(client)
    with pytest.raises(StreamRecreatedError):
        await source.deleted(pinned)


async def test_a_message_is_readable_until_it_is_deleted(server, client):
    source = await create(client)
    await fill(server, 3)
    await api(client, "STREAM.MSG.DELETE.S", seq=2)
    assert [await source.is_readable(seq) for seq in (1, 2, 3, 4)] == [True, False, True, False]


async def test_a_walk_with_a_rate_keeps_it_and_delivers_every_message(server, client):
    rate = 1000
    source = await create(client)
    await fill(server, 2 * rate)
    pinned = await source.info()
    started = time.monotonic()
    got = await walked(source, pinned, max_rate=rate)
    assert len(got) / (time.monotonic() - started) == pytest.approx(rate, rel=0.05)
    assert [message.seq for message in got] == list(range(1, 2 * rate + 1))


async def test_a_walk_with_a_rate_has_few_messages_in_flight(server, client):
    source = await create(client)
    await fill(server, 5000)
    batches = source.read(await source.info(), first_seq=1, last_seq=5000, max_rate=100)
    await anext(batches)
    (name,) = (await api(client, "CONSUMER.NAMES.S"))["consumers"]
    assert (await api(client, f"CONSUMER.INFO.S.{name}"))["delivered"]["consumer_seq"] <= 50
    await batches.aclose()


EMPTY = {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0}


async def lied_to(server, lie, read):
    async with LiarProxy(server, lie) as proxy, connected(proxy) as connection:
        return await read(StreamSource(connection, STREAM))


@pytest.mark.parametrize("change", [add(first_seq=3, messages=-3), set_at("state", EMPTY)])
async def test_a_first_message_outside_of_the_stream_info_contradicts_it(server, client, change):
    await create(client)
    await fill(server, 10)
    info = await lied_to(server, ToAnswers(INFO, change), lambda source: source.info(lost=True))
    assert str(info.contradiction).endswith("and the server returns the message at sequence 1")


async def test_the_first_message_of_a_stream_that_lost_its_start_contradicts_nothing(server, client):
    source = await create(client)
    assert (await source.info(lost=True)).contradiction is None
    await fill(server, 10)
    await api(client, "STREAM.PURGE.S", seq=5)
    assert (await source.info(lost=True)).contradiction is None
    await api(client, "STREAM.PURGE.S")
    assert (await source.info(lost=True)).contradiction is None


async def test_a_list_of_deleted_sequences_that_contradicts_the_counts_is_an_error(server, client):
    await create(client)
    await fill(server, 10)
    lie = ToAnswers(INFO, set_at("state.deleted", [3]))

    async def deleted(source):
        return await source.deleted(await source.info())

    with pytest.raises(WrongAnswerError, match="it lists 1 deleted sequences, counts 0"):
        await lied_to(server, lie, deleted)


async def test_a_message_on_a_subject_that_was_not_requested_is_an_error(server, client):
    await create(client)
    await fill(server, 20)
    lie = ToDeliveries(lambda frame: replace(frame, subject=b"S.x").bytes(), None)

    async def read(source):
        return await walked(source, await source.info(), subjects=["S.events.order.order-1", "S.events.order.order-2"])

    with pytest.raises(WrongAnswerError, match="at sequence 1 of stream S, whose subject was not requested"):
        await lied_to(server, lie, read)
