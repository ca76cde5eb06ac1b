"""The saved state of an audit, on a real server, is loaded by the next process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from auditor.config import NatsConfig, StateConfig
from auditor.core.history.audit_history import AuditHistory, decode_history
from auditor.core.history.saved_state import encode_state
from auditor.core.history.stream_identity import LastStreamInfo, StreamIdentity
from auditor.core.model.findings import Kind
from auditor.core.state.acceptance import Acceptance
from auditor.core.state.checkpoint import CheckedOut, Checkpoint, CheckpointKind
from auditor.errors import StateNewerError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state import state_store
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.part_store import PartContent, PartStore
from auditor.jetstream.state.state_store import HISTORY_PART, JetStreamStateStore
from tests.core.state.test_examiner import judged
from tests.core.stories import event
from tests.live.streams import api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()
NO_HISTORY = AuditHistory()


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Client]:
    connected = await connect(NatsConfig(servers=(server.url,)))
    yield connected
    await connected.close()


def store_of(client: Client, *, version: str = "1.2.3", saves: bool = True) -> JetStreamStateStore:
    parts = PartStore(client, CONFIG, StreamSource(client, "S"), "orders", version)
    return JetStreamStateStore(
        "orders",
        parts,
        Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0"),
        lambda: 99,
        saves=saves,
    )


def checkpoint(last: int, *, complete: bool = True) -> Checkpoint:
    state = judged([("S.events.order.order-1", event("order-1", version)) for version in range(1, last + 1)])
    return Checkpoint(
        stream="S", created_ns=7, subjects=("S.events.>",), state=state, next_seq=last + 1, is_complete=complete
    )


async def saved_by(client: Client, *checkpoints: Checkpoint) -> JetStreamStateStore:
    """Return the store of a process that has saved these checkpoints."""
    store = store_of(client)
    await store.load_history()
    await save(store, *checkpoints)
    return store


async def save(store: JetStreamStateStore, *checkpoints: Checkpoint, history: AuditHistory = NO_HISTORY) -> None:
    await store.save(encode_state(history, {each.kind: each for each in checkpoints}))


async def found(
    client: Client, kind: CheckpointKind = CheckpointKind.COMPLETED, version: str = "1.2.3"
) -> Checkpoint | None:
    """Return what another process checks out."""
    other = store_of(client, version=version)
    await other.load_history()
    return await checked_out(other, kind)


async def checked_out(store: JetStreamStateStore, kind: CheckpointKind = CheckpointKind.COMPLETED) -> Checkpoint | None:
    result = await store.check_out(kind)
    return None if result is None else result.checkpoint


async def test_if_nothing_is_saved_the_store_has_no_time_of_a_save(client: Client) -> None:
    store = store_of(client)
    assert (await store.load_history()).history.last_passes == {}
    assert (await store.check_out(CheckpointKind.COMPLETED), store.saved_ns) == (None, None)


async def test_the_next_process_checks_out_what_was_saved(client: Client) -> None:
    store = await saved_by(client, checkpoint(5), checkpoint(2, complete=False))
    assert store.saved_ns == 99
    assert await found(client) == checkpoint(5)
    assert await found(client, CheckpointKind.IN_PROGRESS) == checkpoint(2, complete=False)


async def test_a_checkpoint_that_is_put_back_is_kept_until_it_is_checked_out_or_another_is_saved(
    client: Client,
) -> None:
    store = await saved_by(client, checkpoint(5), checkpoint(2, complete=False))
    completed = CheckedOut(checkpoint(6), is_saved=False)
    in_progress = CheckedOut(checkpoint(3, complete=False), is_saved=False)
    store.put_back(in_progress)
    store.put_back(completed)
    await save(store)
    await store.load_history()
    assert await store.check_out(CheckpointKind.IN_PROGRESS) is in_progress
    store.put_back(in_progress)
    await store.save(encode_state(NO_HISTORY, {CheckpointKind.IN_PROGRESS: None}))
    await store.load_history()
    assert await store.check_out(CheckpointKind.IN_PROGRESS) is None
    assert await store.check_out(CheckpointKind.COMPLETED) is completed
    assert await checked_out(store) == checkpoint(5)


async def test_after_the_state_stream_is_removed_a_running_auditor_keeps_its_state_and_saves_it_again(
    client: Client,
) -> None:
    store, kept = store_of(client), checkpoint(5)
    await store.load_history()
    history = NO_HISTORY.with_actor_types(["order"])
    await save(store, kept, history=history)
    store.put_back(CheckedOut(kept, is_saved=True))
    await api(client, f"STREAM.DELETE.{CONFIG.stream}")
    assert (await store.load_history()).history is history
    assert await store.check_out(CheckpointKind.COMPLETED) == CheckedOut(kept, is_saved=False)
    await save(store, kept)
    assert await found(client) == checkpoint(5)


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x78\x01\x01\x00\x00\xff\xff\x00\x00\x00\x01"])
async def test_damaged_state_is_not_used_and_logged_in_one_line(client: Client, data: bytes) -> None:
    store = await saved_by(client, checkpoint(5))
    manifest = await store._parts.load_manifest()
    assert manifest is not None
    await api(client, f"STREAM.MSG.DELETE.{CONFIG.stream}", seq=manifest.parts["completed"].seqs[0])
    with capture_logs() as logs:
        assert await found(client) is None
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("saved state not used", "warning")]
    broken = PartStore(client, CONFIG, StreamSource(client, "S"), "orders", "1.2.3")
    await broken.load_manifest()
    await broken.save({"completed": PartContent(data, {}), HISTORY_PART: PartContent(data, {})}, 1)
    with capture_logs() as logs:
        assert await found(client) is None
    assert [entry["event"] for entry in logs] == ["saved history not used", "saved state not used"]


def identity_of(stream: str, checked_ns: int) -> StreamIdentity:
    info = LastStreamInfo(checked_ns=checked_ns, created_ns=7, first_seq=1, last_seq=5, messages=5, stream=stream)
    return StreamIdentity(info)


@pytest.mark.parametrize("is_restored", [False, True])
async def test_of_two_identities_the_one_of_the_later_manifest_is_newer_whatever_the_clocks_say(
    client: Client, *, is_restored: bool
) -> None:
    one, other = store_of(client), store_of(client)
    await one.load_history()
    for _ in range(3):
        await save(one, history=NO_HISTORY.with_identity(identity_of("one", 5 if is_restored else 9)))
    if is_restored:
        # The state stream begins again, as after a restore of an older copy of the server's data.
        await api(client, f"STREAM.DELETE.{CONFIG.stream}")
    await other.load_history()
    await save(other, history=NO_HISTORY.with_identity(identity_of("other", 9 if is_restored else 5)))
    last_info = (await one.load_history()).history.identity.last_info
    assert last_info is not None
    assert last_info.stream == ("one" if is_restored else "other")


async def test_state_that_another_version_saved_in_the_same_format_is_used(client: Client) -> None:
    await saved_by(client, checkpoint(5))
    assert await found(client, version="1.3.0") == checkpoint(5)


async def saved_in(client: Client, monkeypatch: pytest.MonkeyPatch, part: str, number: int) -> None:
    """Save a part with this format number."""
    with monkeypatch.context() as patch:
        patch.setitem(state_store.FORMATS, part, number)
        await saved_by(client, checkpoint(5))


async def test_a_part_in_an_older_format_is_not_used_and_logged_in_one_line(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved_in(client, monkeypatch, "completed", 0)
    with capture_logs() as logs:
        assert await found(client) is None
    assert [entry["reason"] for entry in logs] == ["completed has format 0, written by auditor 1.2.3, and this is 5"]


async def test_a_checkpoint_in_the_format_before_is_used(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await saved_in(client, monkeypatch, "completed", 4)
    assert await found(client) == checkpoint(5)


async def test_a_part_in_a_newer_format_is_refused_in_one_line_that_says_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved_in(client, monkeypatch, "completed", 6)
    with pytest.raises(
        StateNewerError, match=r"has format 6, .* reads up to 5: run that version, or auditor state reset"
    ):
        await found(client)


async def test_a_history_in_a_newer_format_is_refused_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await saved_in(client, monkeypatch, HISTORY_PART, 5)
    with pytest.raises(StateNewerError, match=f"{HISTORY_PART} has format 5"):
        await store_of(client).load_history()


DAMAGED = [b"", b"nonsense", msgspec.msgpack.encode({"told": {}}), b"\x81\xa1a" * 100_000, b"\x81\xa1\xff\x01"]


@pytest.mark.parametrize("data", DAMAGED)
async def test_in_the_place_of_a_damaged_history_the_previous_one_is_used_and_kept_by_the_next_save(
    client: Client, data: bytes
) -> None:
    one = store_of(client)
    await one.load_history()
    for types in (["cart"], ["cart", "order"]):
        await save(one, checkpoint(5), history=NO_HISTORY.with_actor_types(types))
    broken = PartStore(client, CONFIG, StreamSource(client, "S"), "orders", "1.2.3")
    await broken.load_manifest()
    await broken.save({HISTORY_PART: PartContent(data, {})}, 1)
    store = store_of(client)
    with capture_logs() as logs:
        loaded = await store.load_history()
    assert [entry["event"] for entry in logs] == ["saved history not used"]
    assert (loaded.problem, loaded.history.actor_types) == (None, ("cart", "order"))
    assert "its previous version is used" in loaded.history.recovered
    await save(store, checkpoint(6), history=loaded.history)
    manifest = await broken.load_manifest()
    assert manifest is not None
    saved = await store_of(client).load_history()
    assert (saved.problem, saved.history) == (None, loaded.history)
    # The damaged version was replaced, and not the one that was used.
    assert decode_history(await broken.read(manifest, HISTORY_PART, previous=True), 3).actor_types == ("cart", "order")


async def test_a_history_with_a_missing_chunk_is_replaced_by_the_previous_one(client: Client) -> None:
    one = store_of(client)
    await one.load_history()
    for types in (["cart"], ["cart", "order"]):
        await save(one, history=NO_HISTORY.with_actor_types(types))
    manifest = await one._parts.load_manifest()
    assert manifest is not None
    await api(client, f"STREAM.MSG.DELETE.{CONFIG.stream}", seq=manifest.parts[HISTORY_PART].seqs[0])
    loaded = await store_of(client).load_history()
    assert (loaded.problem, loaded.history.actor_types) == (None, ("cart",))


@pytest.mark.parametrize("data", DAMAGED)
async def test_a_history_of_which_both_versions_are_damaged_is_a_problem_and_is_not_replaced_until_it_is_removed(
    client: Client, data: bytes
) -> None:
    await saved_by(client, checkpoint(5))
    broken = PartStore(client, CONFIG, StreamSource(client, "S"), "orders", "1.2.3")
    await broken.load_manifest()
    for _ in range(2):
        await broken.save({HISTORY_PART: PartContent(data, {})}, 1)
    store = store_of(client)
    with capture_logs() as logs:
        for _ in range(3):
            await store.load_history()
        await save(store, checkpoint(6))
        loaded = await store.load_history()
    assert [entry["event"] for entry in logs] == ["saved history not used"]
    problem = loaded.problem or ""
    assert "stream_rollback, stream_recreated, history_changed, config_changed may be missing" in problem
    assert "look for them in the log of the daemon" in problem
    assert "auditor state reset --audit orders" in problem
    manifest = await broken.load_manifest()
    assert manifest is not None
    assert await broken.read(manifest, HISTORY_PART) == data
    await broken.save({HISTORY_PART: None}, 2)
    assert (await store.load_history()).problem is None


async def test_a_store_that_saves_nothing_still_reads_what_is_saved(client: Client) -> None:
    dry = store_of(client, saves=False)
    await dry.load_history()
    await save(dry, checkpoint(3))
    assert (await found(client), dry.saves) == (None, False)
    await saved_by(client, checkpoint(5))
    await dry.load_history()
    assert await checked_out(dry) == checkpoint(5)
    await save(dry, checkpoint(6))
    assert await found(client) == checkpoint(5)


async def test_acceptances_are_loaded_each_time_and_unreadable_ones_accept_nothing(client: Client) -> None:
    store = await saved_by(client)
    operator = Acceptances(client, CONFIG, StreamSource(client, "S"), "orders", "1.0")
    await operator.load()
    known = Acceptance(kind=Kind.VERSION_GAP, up_to_seq=7, reason="known", accepted_ns=9)
    await operator.store({Kind.VERSION_GAP: known})
    assert await store.load_acceptances() == {Kind.VERSION_GAP: known}
    await store.replace_acceptances({})
    assert await store.load_acceptances() == {}
    await client.request("aether.audit.orders.accepted.head", b"{")  # answered once it is stored
    with capture_logs() as logs:
        assert await store.load_acceptances() == {}
    assert len(logs) == 1
