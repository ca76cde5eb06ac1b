"""What an audit remembers, on a real server, from one process to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from auditor.config import NatsConfig, StateConfig
from auditor.core.model.findings import Kind
from auditor.core.state.acceptance import Acceptance
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.errors import StateConflictError, StateNewerError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.state import state_store
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.part_store import PartContent, PartStore
from auditor.jetstream.state.state_store import JetStreamStateStore
from tests.core.state.test_examiner import judged
from tests.core.stories import event
from tests.live.streams import api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Client]:
    connected = await connect(NatsConfig(servers=(server.url,)))
    yield connected
    await connected.close()


def keeper(client: Client, *, version: str = "1.2.3", writes: bool = True) -> JetStreamStateStore:
    checkpoints = PartStore(client, CONFIG, "S", "orders", version)
    return JetStreamStateStore("orders", checkpoints, Acceptances(client, CONFIG, "orders"), lambda: 99, writes=writes)


def memory(last: int, *, complete: bool = True) -> Checkpoint:
    state = judged([("S.events.order.order-1", event("order-1", version)) for version in range(1, last + 1)])
    return Checkpoint(
        stream="S", created_ns=7, subjects=("S.events.>",), state=state, next_seq=last + 1, is_complete=complete
    )


async def kept(client: Client, *memories: Checkpoint) -> JetStreamStateStore:
    one = keeper(client)
    await one.open()
    await one.save(await one.pack({each.kind: each for each in memories}))
    return one


async def recalled(
    client: Client, part: CheckpointKind = CheckpointKind.COMPLETED, version: str = "1.2.3"
) -> Checkpoint | None:
    """What another process finds."""
    other = keeper(client, version=version)
    await other.open()
    return await other.check_out(part)


async def test_where_nothing_is_saved_nothing_is_recalled(client: Client) -> None:
    one = keeper(client)
    assert (await one.open()).last_passes == {}
    assert (await one.check_out(CheckpointKind.COMPLETED), await one.check_out(CheckpointKind.IN_PROGRESS)) == (
        None,
        None,
    )
    assert (await one.accepted(), one.saved_ns) == ({}, None)


async def test_what_was_saved_is_recalled_by_the_next_process(client: Client) -> None:
    one = await kept(client, memory(5), memory(2, complete=False))
    assert one.saved_ns == 99
    assert await recalled(client) == memory(5)
    assert await recalled(client, CheckpointKind.IN_PROGRESS) == memory(2, complete=False)


async def test_the_chronicle_is_saved_with_every_part(client: Client) -> None:
    one = keeper(client)
    (await one.open()).actor_types = ("order",)
    await one.save(await one.pack({}))
    assert (await keeper(client).open()).actor_types == ("order",)


async def test_a_part_can_be_forgotten(client: Client) -> None:
    one = await kept(client, memory(5), memory(2, complete=False))
    await one.save(await one.pack({CheckpointKind.IN_PROGRESS: None}))
    assert await recalled(client) == memory(5)
    assert await recalled(client, CheckpointKind.IN_PROGRESS) is None


async def test_what_is_held_is_not_read_again_and_is_there_once(client: Client) -> None:
    one = await kept(client, memory(5))
    held = memory(6)
    one.put_back(held)
    await one.open()
    assert await one.check_out(CheckpointKind.COMPLETED) is held
    assert await one.check_out(CheckpointKind.COMPLETED) == memory(5)


async def test_each_part_is_held_until_it_is_recalled_or_another_is_packed_in_its_place(client: Client) -> None:
    one = await kept(client, memory(5), memory(2, complete=False))
    completed, underway = memory(6), memory(3, complete=False)
    one.put_back(underway)
    one.put_back(completed)
    await one.save(await one.pack({}))
    await one.open()
    assert await one.check_out(CheckpointKind.IN_PROGRESS) is underway
    one.put_back(underway)
    await one.save(await one.pack({CheckpointKind.IN_PROGRESS: None}))
    await one.open()
    assert await one.check_out(CheckpointKind.IN_PROGRESS) is None
    assert await one.check_out(CheckpointKind.COMPLETED) is completed
    assert await one.check_out(CheckpointKind.COMPLETED) == memory(5)


async def test_what_somebody_else_saved_takes_the_place_of_what_is_held(client: Client) -> None:
    one = await kept(client, memory(5))
    one.put_back(memory(5))
    other = keeper(client)
    await other.open()
    await other.save(await other.pack({CheckpointKind.COMPLETED: memory(9)}))
    with pytest.raises(StateConflictError):
        await one.save(await one.pack({CheckpointKind.COMPLETED: memory(6)}))
    await one.open()
    assert await one.check_out(CheckpointKind.COMPLETED) == memory(9)
    await one.save(await one.pack({CheckpointKind.COMPLETED: memory(10)}))
    assert await recalled(client) == memory(10)


async def test_when_the_state_stream_is_removed_a_running_auditor_still_knows_and_saves_it_all_again(
    client: Client,
) -> None:
    one = await kept(client, memory(5))
    (await one.open()).actor_types = ("order",)
    held = memory(5)
    one.put_back(held)
    await api(client, f"STREAM.DELETE.{CONFIG.stream}")
    assert (await one.open()).actor_types == ("order",)
    again = await one.check_out(CheckpointKind.COMPLETED)
    assert again is held
    assert not one.is_saved(held)
    await one.save(await one.pack({CheckpointKind.COMPLETED: held}))
    assert one.is_saved(held)
    assert await recalled(client) == memory(5)


async def test_it_knows_whether_what_was_recalled_is_what_is_saved(client: Client) -> None:
    one = await kept(client, memory(5))
    await one.open()
    again = await one.check_out(CheckpointKind.COMPLETED)
    assert again is not None
    assert one.is_saved(again)
    assert not one.is_saved(memory(5))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x78\x01\x01\x00\x00\xff\xff\x00\x00\x00\x01"])
async def test_what_is_damaged_is_not_used_and_said_so_in_one_line(client: Client, data: bytes) -> None:
    one = await kept(client, memory(5))
    head = await one._checkpoints.load_manifest()
    assert head is not None
    await api(client, f"STREAM.MSG.DELETE.{CONFIG.stream}", seq=head.parts["completed"].seqs[0])
    with capture_logs() as logs:
        assert await recalled(client) is None
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("saved state not used", "warning")]
    broken = PartStore(client, CONFIG, "S", "orders", "1.2.3")
    await broken.load_manifest()
    await broken.save({"completed": PartContent(data, {}), "chronicle": PartContent(data, {})}, 1)
    with capture_logs() as logs:
        assert await recalled(client) is None
    assert [entry["event"] for entry in logs] == ["saved history not used", "saved state not used"]


async def test_what_another_version_saved_in_the_same_format_is_used(client: Client) -> None:
    await kept(client, memory(5))
    assert await recalled(client, version="1.3.0") == memory(5)


async def saved_in(client: Client, monkeypatch: pytest.MonkeyPatch, part: str, number: int) -> None:
    """Save a part as a version whose format of it has this number does."""
    with monkeypatch.context() as patch:
        patch.setitem(state_store.FORMATS, part, number)
        await kept(client, memory(5))


async def test_a_part_in_an_older_format_is_not_used_and_said_so_in_one_line(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved_in(client, monkeypatch, "completed", 0)
    with capture_logs() as logs:
        assert await recalled(client) is None
    assert [entry["why"] for entry in logs] == ["completed has format 0, written by auditor 1.2.3, and this is 2"]


async def test_a_part_in_a_newer_format_is_refused_in_one_line_that_says_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved_in(client, monkeypatch, "completed", 3)
    with pytest.raises(
        StateNewerError, match=r"has format 3, .* reads up to 2: run that version, or auditor state reset"
    ):
        await recalled(client)


async def test_a_chronicle_in_a_newer_format_is_refused_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await saved_in(client, monkeypatch, "chronicle", 2)
    with pytest.raises(StateNewerError, match="chronicle has format 2"):
        await keeper(client).open()


@pytest.mark.parametrize("data", [b"", b"nonsense", msgspec.msgpack.encode({"told": {}})])
async def test_a_chronicle_that_cannot_be_used_is_a_problem_and_is_not_replaced_until_it_is_removed(
    client: Client, data: bytes
) -> None:
    await kept(client, memory(5))
    broken = PartStore(client, CONFIG, "S", "orders", "1.2.3")
    await broken.load_manifest()
    await broken.save({"chronicle": PartContent(data, {})}, 1)
    one = keeper(client)
    with capture_logs() as logs:
        await one.open()
        await one.save(await one.pack({CheckpointKind.COMPLETED: memory(6)}))
        await one.open()
    assert [entry["event"] for entry in logs] == ["saved history not used"]
    assert "auditor state reset --audit orders" in (one.problem or "")
    head = await broken.load_manifest()
    assert head is not None
    assert await broken.read(head, "chronicle") == data
    await broken.save({"chronicle": None}, 2)
    await one.open()
    assert one.problem is None


async def test_one_that_writes_nothing_recalls_and_saves_nothing(client: Client) -> None:
    dry = keeper(client, writes=False)
    await dry.open()
    await dry.save(await dry.pack({CheckpointKind.COMPLETED: memory(3)}))
    assert await recalled(client) is None
    await kept(client, memory(5))
    await dry.open()
    assert await dry.check_out(CheckpointKind.COMPLETED) == memory(5)
    await dry.save(await dry.pack({CheckpointKind.COMPLETED: memory(6)}))
    assert await recalled(client) == memory(5)


async def test_what_was_accepted_is_read_anew_each_time_and_what_cannot_be_read_accepts_nothing(client: Client) -> None:
    one = await kept(client)
    operator = Acceptances(client, CONFIG, "orders")
    await operator.load()
    known = Acceptance(kind=Kind.VERSION_GAP, up_to_seq=7, reason="known", accepted_ns=9, created_ns=7)
    await operator.store({Kind.VERSION_GAP: known})
    assert await one.accepted() == {Kind.VERSION_GAP: known}
    await client.request("aether.audit.orders.accepted", b"{")  # answered once it is stored
    with capture_logs() as logs:
        assert await one.accepted() == {}
    assert len(logs) == 1
