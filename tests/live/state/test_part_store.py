"""Saving state on a real server, with kills and other writers: completely or not at all."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from auditor.config import StateConfig
from auditor.errors import AuditorError, StateConflictError, StateError, StateFormatError, StateNewerError
from auditor.jetstream.api import get_message
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state import part_store as module
from auditor.jetstream.state.part_store import PartContent, PartStore
from tests.live.connecting import connected
from tests.live.proxy import Proxy
from tests.live.streams import api

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()
OLD, NEW = b"old" * 1000, b"new" * 1500


def checkpoints(client: Client, audit: str = "orders", version: str = "1.2.3") -> PartStore:
    return PartStore(client, CONFIG, StreamSource(client, "S"), audit, version)


def content(data: bytes) -> PartContent:
    return PartContent(data, {"bytes": len(data)})


async def loaded(client: Client, part: str = "completed", audit: str = "orders") -> bytes | None:
    """Return the part that a later process reads; None if it is not saved."""
    fresh = checkpoints(client, audit)
    manifest = await fresh.load_manifest()
    return None if manifest is None or part not in manifest.parts else await fresh.read(manifest, part)


async def messages(client: Client) -> int:
    return (await api(client, f"STREAM.INFO.{CONFIG.stream}"))["state"]["messages"]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHUNK_BYTES", 1000)


async def test_without_saved_state_there_is_no_manifest(client: Client) -> None:
    assert await checkpoints(client).load_manifest() is None
    await checkpoints(client).ensure()
    assert await checkpoints(client).load_manifest() is None


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5500])
async def test_saved_parts_are_read_byte_for_byte(client: Client, size: int) -> None:
    data = bytes(range(256)) * 22
    saved = await checkpoints(client).save({"completed": content(data[:size])}, 7)
    assert (saved.saved_ns, saved.auditor, saved.parts["completed"].about) == (7, "1.2.3", {"bytes": size})
    assert await loaded(client) == data[:size]


async def test_parts_that_are_not_changed_stay_and_parts_can_be_removed(client: Client) -> None:
    one = checkpoints(client)
    await one.save({"completed": content(OLD), "other": content(b"x")}, 1)
    await one.save({"completed": content(NEW)}, 2)
    assert (await loaded(client), await loaded(client, "other")) == (NEW, b"x")
    await one.save({"completed": None}, 3)
    assert (await loaded(client), await loaded(client, "other")) == (None, b"x")


async def test_the_previous_version_of_a_part_is_read_until_a_later_save_begins_to_replace_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = checkpoints(client)
    assert (await one.save({"completed": content(OLD)}, 1)).previous == {}
    await one.save({"completed": content(NEW)}, 2)
    manifest = await one.save({"other": content(b"x")}, 3)
    assert await one.read(manifest, "completed", previous=True) == OLD
    assert await one.read(manifest, "completed") == NEW
    with monkeypatch.context() as patch:
        dying(patch, after=2)  # a manifest and a chunk
        with pytest.raises(StopError):
            await one.save({"completed": content(b"third")}, 4)
    manifest = await one.load_manifest()
    assert manifest is not None
    with pytest.raises(StateFormatError, match="chunk at sequence"):
        await one.read(manifest, "completed", previous=True)
    assert await one.read(manifest, "completed") == NEW
    assert (await one.save({"completed": None}, 5)).previous == {}


async def test_a_save_replaces_the_damaged_version_if_the_previous_one_is_used(client: Client) -> None:
    one = checkpoints(client)
    for number, data in enumerate((OLD, NEW)):
        await one.save({"completed": content(data)}, number)
    one.use_previous("completed")
    manifest = await one.save({"completed": content(b"third")}, 3)
    assert await one.read(manifest, "completed") == b"third"
    assert await one.read(manifest, "completed", previous=True) == OLD


async def test_audits_do_not_see_each_other(client: Client) -> None:
    await checkpoints(client, "orders").save({"completed": content(OLD)}, 1)
    await checkpoints(client, "orders-2").save({"completed": content(NEW)}, 1)
    assert (await loaded(client, audit="orders"), await loaded(client, audit="orders-2")) == (OLD, NEW)


@pytest.mark.usefixtures("small_chunks")
async def test_old_chunks_are_removed(client: Client) -> None:
    one = checkpoints(client)
    counts = []
    for data in (OLD, NEW, OLD, NEW, OLD, NEW):
        await one.save({"completed": content(data)}, 1)
        counts.append(await messages(client))
    assert counts[1:] == [1 + 3 + 5] * 5
    await one.save({"completed": None}, 1)
    assert await messages(client) == 1 + 2


class StopError(Exception):
    """Stands for the end of the process."""


def dying(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Make the process end after `after` more messages are stored."""
    publish, left = module.publish_expecting, after

    async def until_then(*arguments: object, **options: object) -> object:
        nonlocal left
        if left == 0:
            raise StopError
        left -= 1
        return await publish(*arguments, **options)

    monkeypatch.setattr(module, "publish_expecting", until_then)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("after", range(8))
async def test_a_kill_after_any_message_leaves_the_old_state_or_all_of_the_new(
    client: Client, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    await checkpoints(client).save({"completed": content(OLD)}, 1)
    with monkeypatch.context() as patch:
        dying(patch, after=after)
        killed = checkpoints(client)
        await killed.load_manifest()
        try:
            await killed.save({"completed": content(NEW)}, 2)
            ended = True
        except StopError:
            ended = False
    assert ended == (after >= 7)  # the first manifest, five chunks and the second manifest
    assert await loaded(client) == (NEW if ended else OLD)
    # The remains do not hinder the next save.
    later = checkpoints(client)
    await later.load_manifest()
    await later.save({"completed": content(b"later")}, 3)
    assert await loaded(client) == b"later"


@pytest.mark.usefixtures("small_chunks")
async def test_of_two_writers_at_once_one_saves_its_complete_state(client: Client) -> None:
    await checkpoints(client).save({"completed": content(b"first")}, 1)
    outcomes = []
    for round_ in range(12):
        savers = [checkpoints(client) for _ in range(3)]
        for saver in savers:
            await saver.load_manifest()
        bodies = [b"%d of %d" % (number, round_) * 300 for number in range(3)]
        saves = [saver.save({"completed": content(body)}, 1) for saver, body in zip(savers, bodies, strict=True)]
        ended = await asyncio.gather(*saves, return_exceptions=True)
        won = [body for body, outcome in zip(bodies, ended, strict=True) if not isinstance(outcome, BaseException)]
        assert all(isinstance(each, StateConflictError) for each in ended if isinstance(each, BaseException))
        found = await loaded(client)
        assert [found] == won or (not won and found is not None)
        outcomes.append(len(won))
    assert max(outcomes) == 1


async def test_a_writer_with_a_conflict_saves_again_after_it_has_loaded_the_manifest(client: Client) -> None:
    one, other = checkpoints(client), checkpoints(client)
    await one.save({"completed": content(OLD)}, 1)
    with pytest.raises(StateConflictError, match="another auditor saves"):
        await other.save({"completed": content(NEW)}, 2)
    assert await loaded(client) == OLD
    manifest = await other.load_manifest()
    assert manifest is not None
    assert not other.is_own(manifest)
    await other.save({"completed": content(NEW)}, 2)
    assert await loaded(client) == NEW
    with pytest.raises(StateConflictError):
        await one.save({"completed": content(OLD)}, 3)


async def test_a_state_stream_that_was_removed_is_created_again_by_the_next_save(client: Client) -> None:
    one = checkpoints(client)
    await one.save({"completed": content(OLD)}, 1)
    await api(client, f"STREAM.DELETE.{CONFIG.stream}")
    with pytest.raises(StateConflictError, match="was removed by another process"):
        await one.save({"completed": content(NEW)}, 2)
    assert await one.load_manifest() is None
    await one.save({"completed": content(NEW)}, 3)
    assert await loaded(client) == NEW


@pytest.mark.usefixtures("small_chunks")
async def test_a_full_stream_refuses_the_new_state_and_keeps_the_old(client: Client) -> None:
    settings = {"subjects": [f"{CONFIG.subject_prefix}.>"], "discard": "new", "allow_rollup_hdrs": True}
    most = module.MIN_FREE_BYTES + 15_000
    await api(client, f"STREAM.CREATE.{CONFIG.stream}", name=CONFIG.stream, max_bytes=most, **settings)
    one = checkpoints(client)
    await one.save({"completed": content(OLD)}, 1)
    for _ in range(20):
        with pytest.raises(
            StateError, match=r"30000 bytes do not fit into stream AETHER_AUDIT, which holds \d+ of at most"
        ):
            await one.save({"completed": content(b"x" * 30_000)}, 2)
        assert await loaded(client) == OLD
        await one.save({"completed": content(OLD)}, 3)


def truncated(data: bytes) -> bytes:
    return data[:-1]


def newer(data: bytes) -> bytes:
    return data.replace(b"state/1", b"state/2")


def nothing(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("damage", "kind", "line"),
    [
        (truncated, StateFormatError, "its manifest is damaged"),
        (nothing, StateFormatError, "its manifest is damaged"),
        (newer, StateNewerError, r"written by a later version of the auditor \(aether-auditor/state/2"),
    ],
)
async def test_an_unusable_manifest_is_an_error_of_one_line_and_is_replaced_by_the_next_save(
    client: Client, damage: Callable[[bytes], bytes], kind: type[StateError], line: str
) -> None:
    await checkpoints(client).save({"completed": content(OLD)}, 1)
    subject = f"{CONFIG.subject_prefix}.orders.head"
    manifest = await module.get_message(client, CONFIG.stream, last_by_subj=subject)
    await client.request(subject, damage(manifest.data))  # answered once it is stored
    later = checkpoints(client)
    with pytest.raises(kind, match=line) as raised:
        await later.load_manifest()
    assert "\n" not in str(raised.value)
    await later.save({"completed": content(NEW)}, 2)
    assert await loaded(client) == NEW


@pytest.mark.usefixtures("small_chunks")
async def test_a_missing_or_changed_chunk_is_noticed(client: Client) -> None:
    one = checkpoints(client)
    manifest = await one.save({"completed": content(OLD)}, 1)
    seq = manifest.parts["completed"].seqs[1]
    manifest.parts["completed"].sha256 = "0" * 64
    with pytest.raises(StateFormatError, match="digest"):
        await one.read(manifest, "completed")
    await api(client, f"STREAM.MSG.DELETE.{CONFIG.stream}", seq=seq)
    with pytest.raises(StateFormatError, match=f"the chunk at sequence {seq} is missing"):
        await loaded(client)


async def test_a_server_with_small_messages_gets_small_chunks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_max_payload", module.MAX_HEADERS_BYTES + 700)
    manifest = await checkpoints(client).save({"completed": content(OLD)}, 1)
    assert len(manifest.parts["completed"].seqs) == 5
    assert await loaded(client) == OLD


@pytest.mark.usefixtures("small_chunks")
async def test_no_state_is_lost_if_the_connection_breaks_during_a_save(server: EmbeddedServer, client: Client) -> None:
    async with Proxy(server) as proxy, connected(proxy) as unlucky:
        one = checkpoints(unlucky)
        await one.save({"completed": content(OLD)}, 1)
        for number in range(12):
            data = b"%d" % number * 2500
            saving = asyncio.create_task(one.save({"completed": content(data)}, 2))
            for _ in range(number * 3):
                await asyncio.sleep(0)
            proxy.cut()
            (outcome,) = await asyncio.gather(saving, return_exceptions=True)
            await unlucky.wait_connected()
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, AuditorError), outcome
                await one.load_manifest()
            else:
                assert await loaded(client) == data
            assert await loaded(client) is not None


async def test_a_server_that_is_killed_during_a_save_has_the_old_state_or_the_new(
    server: EmbeddedServer, client: Client
) -> None:
    one = checkpoints(client)
    before = OLD
    await one.save({"completed": content(before)}, 1)
    for number in range(5):
        data = b"%d" % number * 3_000_000
        saving = asyncio.create_task(one.save({"completed": content(data)}, 2))
        await asyncio.sleep(0.004 * number)  # before, during or after the save
        server.kill()
        await server.start()
        (outcome,) = await asyncio.gather(saving, return_exceptions=True)
        await client.wait_connected()
        found = await loaded(client)
        assert found in (before, data)
        if isinstance(outcome, BaseException):
            assert isinstance(outcome, AuditorError), outcome
            await one.load_manifest()
        else:
            assert found == data
        before = found


@pytest.mark.parametrize("seq", [-1, 0, -(2**62)])
async def test_a_part_that_names_a_sequence_which_no_message_has_is_damaged_and_the_others_are_read(
    client: Client, seq: int
) -> None:
    await checkpoints(client).save({"completed": content(OLD), "other": content(b"x")}, 1)
    subject = f"{CONFIG.subject_prefix}.orders.head"
    stored = await get_message(client, CONFIG.stream, last_by_subj=subject)
    assert stored is not None
    manifest = json.loads(stored.data)
    manifest["parts"]["completed"]["seqs"] = [seq]
    await client.request(subject, json.dumps(manifest).encode(), headers={"Nats-Rollup": "sub"})
    with pytest.raises(StateFormatError):
        await loaded(client)
    assert await loaded(client, "other") == b"x"
    await checkpoints_after_load(client, NEW)
    assert await loaded(client) == NEW


async def checkpoints_after_load(client: Client, data: bytes) -> None:
    store = checkpoints(client)
    await store.load_manifest()
    await store.save({"completed": content(data)}, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"saved_ns": -1},
        {"saved_ns": 10**30},
        {"saved_ns": "now"},
        {"parts": {"completed": {"slot": "a", "seqs": [10**30], "size": 1, "sha256": ""}}},
        {"parts": {"completed": {"slot": "a", "seqs": [1], "size": -1, "sha256": ""}}},
        {"parts": []},
        {"writer": None},
    ],
)
async def test_a_manifest_with_values_that_no_save_writes_is_damaged(client: Client, change: dict[str, object]) -> None:
    await checkpoints(client).save({"completed": content(OLD)}, 1)
    subject = f"{CONFIG.subject_prefix}.orders.head"
    stored = await get_message(client, CONFIG.stream, last_by_subj=subject)
    assert stored is not None
    await client.request(subject, json.dumps(json.loads(stored.data) | change).encode(), headers={"Nats-Rollup": "sub"})
    with pytest.raises(StateFormatError):
        await checkpoints(client).load_manifest()


@pytest.mark.parametrize("data", [b'{"a":' * 100_000, b'{"schema":"\xff"}'])
async def test_a_manifest_of_other_bytes_is_damaged(client: Client, data: bytes) -> None:
    await checkpoints(client).save({"completed": content(OLD)}, 1)
    subject = f"{CONFIG.subject_prefix}.orders.head"
    await client.request(subject, data, headers={"Nats-Rollup": "sub"})
    with pytest.raises(StateFormatError):
        await checkpoints(client).load_manifest()


@pytest.mark.parametrize("saves", [1, 2])
async def test_parts_without_a_manifest_are_damaged_state_until_they_are_reset(client: Client, saves: int) -> None:
    store = checkpoints(client)
    for _ in range(saves):
        await store.save({"completed": content(OLD)}, 1)
    subject = f"{CONFIG.subject_prefix}.orders.head"
    await api(client, f"STREAM.PURGE.{CONFIG.stream}", filter=subject)
    with pytest.raises(StateFormatError, match="its manifest is missing, and parts of it are stored"):
        await checkpoints(client).load_manifest()
    await checkpoints(client).save({}, 2)
    manifest = await checkpoints(client).load_manifest()
    assert manifest is not None
    assert manifest.parts == {}


async def test_the_parts_of_other_audits_are_not_taken_for_those_of_this_one(client: Client) -> None:
    for audit in ("orders-2", "orders.accepted"):
        await PartStore(client, CONFIG, StreamSource(client, "S"), audit, "1.2.3").save({"findings": content(OLD)}, 1)
    assert await checkpoints(client).load_manifest() is None
