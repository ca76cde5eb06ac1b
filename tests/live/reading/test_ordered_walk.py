"""The ordered walk delivers every message exactly once, also while connection, server and stream change."""

from __future__ import annotations

import asyncio
import random
import shutil
import time

import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.errors import (
    ConnectionFailedError,
    PermissionDeniedError,
    StreamNotFoundError,
    StreamRecreatedError,
    WalkIncompleteError,
    WrongAnswerError,
)
from auditor.jetstream.reading import ordered_walk as module
from auditor.jetstream.reading.ordered_walk import ordered_walk
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.connecting import connected
from tests.live.lies.proxy import LiarProxy
from tests.live.lies.table import CREATE, INFO, ToAnswers, add, set_at
from tests.live.lying_proxy import CutError, LyingProxy
from tests.live.proxy import Proxy
from tests.live.streams import STREAM, api, create, fill, walked

MANY = 60_000
"""So many messages that a walk is not finished when the test disturbs it."""


def in_order(messages, first, last):
    """Assert that every message of the range is there once, with its own body."""
    assert [message.seq for message in messages] == list(range(first, last + 1))
    assert all(message.data.startswith(b"%d " % message.seq) for message in messages)


async def disturbed(source, pinned, disturb, *, every=MANY // 6, **options):
    """Return the messages of a walk during which `disturb` is called after every `every` messages."""
    messages, due = [], every
    async for batch in source.read(pinned, first_seq=1, last_seq=pinned.last_seq, **options):
        messages += batch
        if len(messages) >= due:
            due += every
            await disturb()
    return messages


async def rest(batches):
    return [message async for messages in batches for message in messages]


async def within(seconds, walk):
    started = time.monotonic()
    messages = await walk
    assert time.monotonic() - started < seconds
    return messages


async def kept(*_, **__):
    """Do not delete a consumer that is not used any more."""


# --- undisturbed walks


async def test_a_stream_is_read_completely_and_from_any_sequence(server, client):
    source = await create(client)
    await fill(server, 5000)
    pinned = await source.info()
    in_order(await walked(source, pinned), 1, 5000)
    in_order(await walked(source, pinned, first_seq=4321), 4321, 5000)
    in_order(await walked(source, pinned, first_seq=10, last_seq=10), 10, 10)
    in_order(await walked(source, pinned, last_seq=4999), 1, 4999)


@pytest.mark.parametrize("batch", [1, 2, 7, 1000])
async def test_the_messages_do_not_depend_on_the_size_of_pulls(server, client, batch):
    source = await create(client)
    await fill(server, 300)
    pinned = await source.info()
    batches = ordered_walk(client, pinned, first_seq=1, last_seq=300, batch=batch)
    in_order(await rest(batches), 1, 300)


async def test_an_empty_range_ends_at_once_and_without_a_consumer(server, client):
    source = await create(client)
    assert await walked(source, await source.info()) == []
    await fill(server, 10)
    pinned = await source.info()
    assert await walked(source, pinned, first_seq=11) == []
    await api(client, "STREAM.PURGE.S")
    assert await walked(source, await source.info()) == []
    assert (await api(client, "STREAM.INFO.S"))["state"]["consumer_count"] == 0


async def test_only_messages_on_the_given_subjects_come_in_stream_order(server, client):
    source = await create(client)
    await fill(server, 1000)
    pinned = await source.info()
    for subjects in (
        ["S.events.order.order-3"],
        ["S.events.order.order-3", "S.events.order.order-8", "S.events.order.order-3", "S.events.nobody.nobody-1"],
        ["S.events.>"],
        ["S.events.*.order-3", "S.events.*.order-4"],
    ):
        got = await within(2, walked(source, pinned, subjects=subjects))
        digits = [b"3", b"8"] if len(subjects) == 4 else [b"3"] if len(subjects) == 1 else [b"3", b"4"]
        expected = [seq for seq in range(1, 1001) if subjects == ["S.events.>"] or b"%d" % (seq % 10) in digits]
        assert [message.seq for message in got] == expected
    assert await within(2, walked(source, pinned, subjects=["S.events.nobody.nobody-1"])) == []


async def test_the_walk_ends_at_the_pinned_end_while_a_writer_continues(server, client):
    source = await create(client)
    await fill(server, 20_000)
    pinned = await source.info()
    writer = asyncio.create_task(fill(server, 40_000, first=20_001))
    in_order(await walked(source, pinned), 1, 20_000)
    await writer
    assert (await source.info()).last_seq == 60_000


async def test_the_walk_ends_at_the_pinned_end_also_if_that_message_was_deleted(server, client, monkeypatch):
    monkeypatch.setattr("auditor.jetstream.reading.pull_consumer.release", kept)
    source = await create(client)
    await fill(server, 30_000)
    await api(client, "STREAM.MSG.DELETE.S", seq=1000)
    in_order(await walked(source, await source.info(), last_seq=1000), 1, 999)
    (name,) = (await api(client, "CONSUMER.NAMES.S"))["consumers"]
    delivered = (await api(client, f"CONSUMER.INFO.S.{name}"))["delivered"]["consumer_seq"]
    assert delivered <= 10_000  # only what was in flight


# --- messages are removed


async def test_deleted_messages_are_left_out(server, client):
    source = await create(client)
    await fill(server, 100)
    gone = {1, 2, 50, 77, 78, 79}
    for seq in gone:
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    got = await walked(source, await source.info())
    assert [message.seq for message in got] == [seq for seq in range(1, 101) if seq not in gone]


async def test_the_walk_ends_at_once_if_the_last_messages_were_deleted(server, client, monkeypatch):
    monkeypatch.setattr("auditor.jetstream.reading.pull_consumer.MIN_IDLE_SECONDS", 60.0)
    source = await create(client)
    await fill(server, 5000)
    before = await source.info()
    for seq in range(4990, 5001):
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    for pinned in (before, await source.info()):
        in_order(await within(2, walked(source, pinned)), 1, 4989)
        assert await within(2, walked(source, pinned, first_seq=4995)) == []


async def test_the_walk_ends_soon_if_the_last_messages_are_deleted_while_it_waits_for_them(server, client):
    source = await create(client)
    await fill(server, 2000)
    pinned = await source.info()

    async def delete_the_end():
        for seq in range(1500, 2001):
            await api(client, "STREAM.MSG.DELETE.S", seq=seq)

    batches = ordered_walk(client, pinned, first_seq=1, last_seq=2000, batch=100)
    got = await anext(batches)
    await delete_the_end()
    got += await within(3, rest(batches))
    in_order(got, 1, 1499)


async def test_a_purge_of_the_whole_stream_ends_the_walk_early_without_an_error(server, client):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()
    got = await within(5, disturbed(source, pinned, lambda: api(client, "STREAM.PURGE.S"), every=10_000))
    assert len(got) < MANY
    in_order(got, 1, len(got))


async def test_if_the_start_of_the_stream_moves_only_the_expired_messages_are_left_out(server, client):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()
    batches = source.read(pinned, first_seq=1, last_seq=MANY)
    messages = await anext(batches)
    await api(client, "STREAM.PURGE.S", seq=MANY // 2 + 1)
    messages += await rest(batches)
    seqs = [message.seq for message in messages]
    assert seqs == sorted(set(seqs))
    assert MANY // 2 <= len(seqs) < MANY
    assert seqs[-MANY // 2 :] == list(range(MANY // 2 + 1, MANY + 1))


@pytest.mark.parametrize("damaged", [[500], [1000], [1, 2, 500, 999, 1000]])
async def test_messages_that_the_server_cannot_read_are_left_out_without_a_delay(server, client, damaged):
    source = await create(client)
    await fill(server, 1000)
    await server.stop()
    blocks = list(server.folder.glob("jetstream/**/*.blk"))
    assert len(blocks) == 1
    block = bytearray(blocks[0].read_bytes())
    for seq in damaged:
        block[block.index(b"order-%d%d ." % (seq % 10, seq)) + len(b"order-1")] ^= 1
    blocks[0].write_bytes(block)
    await server.start()
    await client.wait_connected()
    pinned = await source.info()
    assert pinned.last_seq == 1000
    got = await within(5, walked(source, pinned))
    assert [message.seq for message in got] == [seq for seq in range(1, 1001) if seq not in damaged]
    assert [await source.is_readable(seq) for seq in damaged] == [False] * len(damaged)


# --- the connection is lost or the server stops


async def test_no_message_is_lost_if_connections_are_cut(server):
    async with Proxy(server) as proxy, connected(proxy) as client:
        client.options["reconnect_time_wait"] = 0.05
        source = await create(client)
        await fill(server, MANY)
        cuts = 0

        async def cut():
            nonlocal cuts
            cuts += 1
            proxy.cut()

        in_order(await disturbed(source, await source.info(), cut), 1, MANY)
        assert cuts >= 5


async def test_no_message_is_lost_if_connections_are_cut_at_any_time(server):
    async with Proxy(server) as proxy, connected(proxy) as client:
        client.options["reconnect_time_wait"] = 0.01
        source = await create(client)
        await fill(server, MANY)
        chance, pinned = random.Random(7), await source.info()

        async def cut_again_and_again():
            while True:
                await asyncio.sleep(chance.uniform(0.01, 0.15))
                proxy.cut()

        cutting = asyncio.create_task(cut_again_and_again())
        while client.stats["reconnects"] < 3:  # one walk may end before it is cut twice
            in_order(await walked(source, pinned), 1, MANY)
        cutting.cancel()


async def test_no_message_is_lost_if_the_server_is_killed_and_restarted(server, client):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()

    async def crash():
        server.kill()
        await server.start()

    in_order(await disturbed(source, pinned, crash, every=MANY // 3), 1, MANY)


async def test_the_walk_waits_while_no_server_runs(server, client, monkeypatch):
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", 0.0)
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()
    messages = []
    batches = source.read(pinned, first_seq=1, last_seq=MANY)
    messages += await anext(batches)
    server.kill()
    following = asyncio.create_task(rest(batches))
    done, _ = await asyncio.wait({following}, timeout=0.7)
    assert not done
    await server.start()
    in_order(messages + await following, 1, MANY)


async def test_no_message_is_lost_if_the_consumer_is_deleted(server, client):
    source = await create(client)
    await fill(server, MANY)
    deleted = 0

    async def delete_consumers():
        nonlocal deleted
        for name in (await api(client, "CONSUMER.NAMES.S"))["consumers"]:
            await api(client, f"CONSUMER.DELETE.S.{name}")
            deleted += 1

    in_order(await disturbed(source, await source.info(), delete_consumers), 1, MANY)
    assert deleted >= 5


async def test_no_message_is_lost_if_the_connection_stops_responding(server, monkeypatch):
    monkeypatch.setattr("auditor.jetstream.connection.connection.PING_INTERVAL", 0.2)
    async with Proxy(server) as proxy, connected(proxy) as client:
        source = await create(client)
        await fill(server, MANY)
        pinned = await source.info()

        async def freeze():
            proxy.freeze()

        in_order(await disturbed(source, pinned, freeze, every=MANY // 2), 1, MANY)


# --- the stream is removed


async def test_a_stream_that_is_deleted_raises_stream_not_found(server, client):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()
    with pytest.raises(StreamNotFoundError, match="stream S does not exist"):
        await disturbed(source, pinned, lambda: api(client, "STREAM.DELETE.S"), every=10_000)
    with pytest.raises(StreamNotFoundError):
        await walked(source, pinned)


async def test_a_stream_that_was_recreated_raises_stream_recreated(server, client):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()

    async def recreate():
        await api(client, "STREAM.DELETE.S")
        await create(client)
        await fill(server, 20_000)

    with pytest.raises(StreamRecreatedError):
        await disturbed(source, pinned, recreate, every=10_000)
    with pytest.raises(StreamRecreatedError):
        await walked(source, pinned)


async def test_a_stream_that_ends_before_the_pinned_end_makes_the_walk_incomplete(server, client, tmp_path):
    source = await create(client)
    await fill(server, 1000)
    await server.stop()
    shutil.copytree(server.folder / "jetstream", tmp_path / "older")
    await server.start()
    await client.wait_connected()
    await fill(server, MANY - 1000, first=1001)
    pinned = await source.info()

    async def restore():
        await server.stop()
        shutil.rmtree(server.folder / "jetstream")
        shutil.copytree(tmp_path / "older", server.folder / "jetstream")
        await server.start()

    with pytest.raises(WalkIncompleteError, match="now ends at sequence 1000, before 60000"):
        await disturbed(source, pinned, restore, every=10_000)


# --- missing permissions, and closing a walk


async def test_each_missing_permission_is_named_at_once():
    full = ["$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.CREATE.S.>", "$JS.API.CONSUMER.MSG.NEXT.S.*"]
    for missing in full:
        allowed = ", ".join(f'"{subject}"' for subject in full if subject != missing)
        permissions = f'{{publish: [{allowed}], subscribe: "_INBOX_auditor.>"}}'
        settings = f"authorization {{users: [{{user: admin, password: p}}, {{user: a, password: p, permissions: {permissions}}}]}}"
        async with (
            EmbeddedServer(config=settings) as server,
            connected(server, user="admin", password="p") as admin,
            connected(server, user="a", password="p") as client,
        ):
            await create(admin)
            for number in range(3):
                await admin.request("S.events.order.order-1", b"%d" % number)
            pinned = await StreamSource(admin, STREAM).info()
            with pytest.raises(PermissionDeniedError, match=missing.replace("$", r"\$").rstrip("*>")):
                await within(1, walked(StreamSource(client, STREAM), pinned))


async def test_a_user_with_only_the_needed_permissions_can_read():
    permissions = """{publish: ["$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.CREATE.S.*", "$JS.API.CONSUMER.CREATE.S.*.>",
        "$JS.API.CONSUMER.MSG.NEXT.S.*", "$JS.API.CONSUMER.INFO.S.*", "$JS.API.STREAM.MSG.GET.S"],
        subscribe: ["_INBOX_auditor.>"]}"""
    settings = (
        f"authorization {{users: [{{user: admin, password: p}}, {{user: a, password: p, permissions: {permissions}}}]}}"
    )
    async with (
        EmbeddedServer(config=settings) as server,
        connected(server, user="admin", password="p") as admin,
        connected(server, user="a", password="p") as client,
    ):
        await create(admin)
        for number in range(1, 1001):
            await admin.request(f"S.events.order.order-{number % 10}", b"%d " % number)
        source = StreamSource(client, STREAM)
        pinned = await source.info()
        in_order(await walked(source, pinned), 1, 1000)
        assert len(await walked(source, pinned, subjects=["S.events.order.*"])) == 1000
        assert len(await walked(source, pinned, subjects=["S.events.order.order-1", "S.events.order.order-2"])) == 200
        assert await source.is_readable(1000)
        assert (await source.deleted(pinned))[1] == []


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_a_walk_that_is_closed_early_leaves_no_subscription_in_the_client(server, client, how):
    source = await create(client)
    await fill(server, MANY)
    pinned = await source.info()
    subscriptions = len(client._subs)
    batches = source.read(pinned, first_seq=1, last_seq=MANY)
    assert await anext(batches)
    assert len(client._subs) == subscriptions + 1
    if how == "cancelled":
        waiting = asyncio.create_task(rest(batches))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await batches.aclose()
    assert len(client._subs) == subscriptions
    assert len(await walked(source, pinned)) == MANY


async def test_the_event_loop_is_not_blocked_during_a_walk(server, client):
    source = await create(client)
    await fill(server, MANY)
    longest = 0.0

    async def turn():
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    turning = asyncio.create_task(turn())
    in_order(await walked(source, await source.info()), 1, MANY)
    turning.cancel()
    assert longest < 0.5


async def test_a_walk_without_progress_is_given_up(server, client, monkeypatch):
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", 0.3)
    source = await create(client)
    await fill(server, 10)
    pinned = await source.info()

    async def refuse(*args, **options):
        raise ConnectionFailedError("no leader")

    monkeypatch.setattr("auditor.jetstream.reading.pull_consumer.create_consumer", refuse)
    with pytest.raises(WalkIncompleteError, match="no leader"):
        await within(3, walked(source, pinned))


# --- what the server cannot read, or what never arrives


async def compressed(folder, count=400, size=100_000):
    """Return a stopped server whose compressed stream has `count` messages in blocks of 8 MiB, and the files of the blocks."""
    server = EmbeddedServer(folder)
    await server.start()
    async with connected(server) as client:
        await create(client, compression="s2")
        await fill(server, count, size=size)
    await server.stop()
    blocks = (folder / "jetstream" / "$G" / "streams" / STREAM / "msgs").glob("*.blk")
    return server, sorted(blocks, key=lambda block: int(block.stem))


def damage(block):
    data = bytearray(block.read_bytes())
    data[len(data) // 2] ^= 8
    block.write_bytes(data)


TWO = ("S.events.order.order-1", "S.events.order.order-2")


@pytest.mark.parametrize(
    ("numbers", "subjects"),
    [([0], ()), ([0, 1], ()), ([1, 3], ()), ([0, 2], TWO), ([1, 3], ("S.events.*.order-3",))],
)
async def test_a_block_that_the_server_cannot_read_is_stepped_over(tmp_path, monkeypatch, numbers, subjects):
    monkeypatch.setattr("auditor.jetstream.reading.pull_consumer.MAX_IDLE_SECONDS", 0.25)
    server, blocks = await compressed(tmp_path)
    assert len(blocks) > 4
    for number in numbers:
        damage(blocks[number])
    await server.start()
    try:
        async with connected(server) as client:
            source = StreamSource(client, STREAM)
            pinned = await source.info()
            got = await within(20, walked(source, pinned, subjects=subjects))
            seqs = [message.seq for message in got]
            readable = [seq for seq in range(1, pinned.last_seq + 1) if await source.is_readable(seq)]
    finally:
        server.kill()
    assert len(readable) < pinned.messages
    wanted = [subject.rpartition("-")[2] for subject in subjects]
    assert seqs == [seq for seq in readable if not wanted or str(seq % 10) in wanted]


async def test_a_single_subject_is_read_behind_a_block_that_the_server_cannot_read(tmp_path):
    server, blocks = await compressed(tmp_path)
    damage(blocks[1])
    await server.start()
    try:
        async with connected(server) as client:
            source = StreamSource(client, STREAM)
            pinned = await source.info()
            for limit in (0, 1000):
                got = await read_one(source, pinned, "S.events.order.order-4", limit)
                readable = [seq for seq in range(4, 401, 10) if await source.is_readable(seq)]
                assert [message.seq for message in got] == readable
                assert 0 < len(readable) < 40
    finally:
        server.kill()


async def read_one(source, pinned, subject, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditor.jetstream.reading.single_reads.MAX_SINGLE_READS", limit)
        return await within(20, walked(source, pinned, subjects=[subject]))


async def lied_to(server, lie, subjects=()):
    """Return the sequences of a walk through a proxy that lies, and the text of the error at its end."""
    got = []

    async def read(source, pinned):
        async for batch in source.read(pinned, first_seq=1, last_seq=pinned.last_seq, subjects=subjects):
            got.extend(message.seq for message in batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditor.jetstream.connection.connection.RECONNECT_WAIT", 0.05)
        async with LyingProxy(server, lie) as proxy, connected(proxy) as client:
            source = StreamSource(client, STREAM)
            pinned = await source.info()
            with pytest.raises(WalkIncompleteError) as raised:
                await read(source, pinned)
    return got, str(raised.value)


def cut_at(*seqs):
    def lie(delivery):
        if delivery.seq in seqs:
            raise CutError
        return delivery.frame()

    return lie


def drop(*seqs):
    return lambda delivery: b"" if delivery.seq in seqs else delivery.frame()


def replaced(place, token, *seqs):
    return lambda delivery: delivery.with_token(place, token) if delivery.seq in seqs else delivery.frame()


@pytest.mark.parametrize(
    ("lie", "seqs"),
    [
        (cut_at(100), [100]),
        (cut_at(1), [1]),
        (cut_at(50, 51, 120), [50, 51, 120]),
        (drop(100), [100]),
        (replaced(5, b"abc", 100), [100]),
        (replaced(5, b"5", 100), [100]),
        (replaced(5, b"9" * 5000, 100), [100]),
        (replaced(5, b"9" * 30, 100), [100]),
        (replaced(6, b"x", 100), [100]),
        (replaced(7, b"", 100), [100]),
        (replaced(7, b"9" * 30, 100), [100]),
    ],
)
async def test_a_message_that_never_arrives_is_named_and_the_walk_goes_on_behind_it(server, client, lie, seqs):
    await create(client)
    await fill(server, 200)
    started = time.monotonic()
    got, error = await lied_to(server, lie)
    assert time.monotonic() - started < 30
    assert got == [seq for seq in range(1, 201) if seq not in seqs]
    assert f"at sequence {', '.join(map(str, seqs))} (" in error


async def test_a_deleted_message_is_not_taken_for_the_one_that_never_arrives(server, client):
    await create(client)
    await fill(server, 200)
    for seq in (99, 100, 101):
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    got, error = await lied_to(server, cut_at(102))
    assert got == [seq for seq in range(1, 201) if not 99 <= seq <= 102]
    assert "at sequence 102 (" in error


async def test_a_walk_of_several_subjects_goes_on_behind_a_message_that_never_arrives(server, client):
    await create(client)
    await fill(server, 200)
    got, error = await lied_to(server, cut_at(104), ["S.events.order.order-4", "S.events.order.order-5"])
    assert "at sequence 104 (" in error
    assert got == [seq for seq in range(1, 201) if seq % 10 in (4, 5) and seq != 104]


async def test_a_walk_whose_messages_never_arrive_ends(server, client, monkeypatch):
    monkeypatch.setattr(module, "MAX_STEPS", 3)
    await create(client)
    await fill(server, 200)
    for lie in (lambda _: b"", replaced(5, b"x", *range(1, 201))):
        got, error = await asyncio.wait_for(lied_to(server, lie), 50)
        assert got == []
        assert "did not arrive although they were requested repeatedly, at sequence 1, 2, 3, 4 (" in error


async def test_a_connection_that_is_lost_at_every_request_ends_the_walk(server, client, monkeypatch):
    monkeypatch.setattr(module, "MAX_BREAKS", 4)
    source = await create(client)
    await fill(server, 200)
    pinned = await source.info()
    async with Proxy(server) as proxy, connected(proxy) as connection:

        async def cut_first(*_, **__):
            proxy.cut()
            raise ConnectionFailedError("cut")

        monkeypatch.setattr("auditor.jetstream.reading.pull_consumer.create_consumer", cut_first)
        with pytest.raises(WalkIncompleteError, match="was lost 4 times without a message"):
            await asyncio.wait_for(walked(StreamSource(connection, STREAM), pinned), 30)


async def test_a_message_behind_the_end_that_stream_info_has_ends_the_walk(server, client):
    await create(client)
    await fill(server, 200)
    lie = ToAnswers(INFO, add(last_seq=-50, messages=-50))
    async with LiarProxy(server, lie) as proxy, connected(proxy) as connection:
        source = StreamSource(connection, STREAM)
        pinned = await source.info()
        assert (pinned.last_seq, pinned.contradiction) == (150, None)
        with pytest.raises(WrongAnswerError, match="and its stream info ends at sequence 150"):
            await walked(source, pinned)


async def test_messages_that_are_stored_during_a_walk_are_no_contradiction(server, client):
    source = await create(client)
    await fill(server, 100)
    pinned = await source.info()
    await fill(server, 100, first=101)
    in_order(await walked(source, pinned), 1, 100)


async def test_another_consumer_than_was_requested_ends_the_walk_at_once(server, client):
    await create(client)
    await fill(server, 10)
    lie = ToAnswers(CREATE, set_at("config.opt_start_seq", 5))
    async with LiarProxy(server, lie) as proxy, connected(proxy) as connection:
        source = StreamSource(connection, STREAM)
        with pytest.raises(WrongAnswerError, match="another opt_start_seq than was requested"):
            await within(5, walked(source, await source.info()))
