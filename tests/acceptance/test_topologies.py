"""The auditor reads streams in other JetStream domains and accounts, and copies of streams."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.config import NatsConfig
from auditor.core.model.findings import Kind, spec
from auditor.demo.stream import fill_stream
from auditor.embedded_server import EmbeddedServer, reserved_port
from auditor.jetstream.connection.client import connect
from tests.acceptance.conftest import auditor, streams, totals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.canary.damage import Damage
    from auditor.jetstream.connection.client import Client

IMPORT = (Path(__file__).parents[2] / "deploy" / "nats" / "import.conf").read_text()
ACCOUNTS = "accounts { A { jetstream: enabled, users: [{user: a, password: a}] }, SYS {} }\nsystem_account: SYS\n"
USER = {"user": "a", "password": "a"}


def configured(folder: Path, servers: str, *, nats: dict[str, Any], audit: dict[str, Any], **more: Any) -> str:
    path = folder / "auditor.yaml"
    document = {"nats": {"servers": [servers], **nats}, "audits": [{"name": "orders", "stream": "ORDERS", **audit}]}
    path.write_text(json.dumps({**document, **more}))
    return str(path)


@asynccontextmanager
async def connected(server: EmbeddedServer, **user: str) -> AsyncIterator[Client]:
    client = await connect(NatsConfig(servers=(server.url,), **user))
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def hub_and_leaf() -> AsyncIterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Two servers with JetStream, of one account, whose domains are `hub` and `leaf`."""
    with reserved_port() as port:
        hub = EmbeddedServer(config=f'jetstream {{domain: hub}}\nleafnodes {{listen: "127.0.0.1:{port}"}}\n{ACCOUNTS}')
        remote = f'{{url: "nats-leaf://a:a@127.0.0.1:{port}", account: A}}'
        leaf = EmbeddedServer(config=f"jetstream {{domain: leaf}}\nleafnodes {{remotes: [{remote}]}}\n{ACCOUNTS}")
        async with hub, leaf:
            yield hub, leaf
            leaf.kill()
            hub.kill()


async def wait_for(client: Client, api_prefix: str) -> None:
    """Wait until the API answers: a leaf node connects a moment after its start."""
    for _ in range(200):
        try:
            await client.request(f"{api_prefix}.INFO", b"", 0.1)
        except Exception:  # noqa: BLE001 - any error means that it does not answer yet
            continue
        return
    raise AssertionError(api_prefix)


@pytest.mark.parametrize(
    ("nats", "audit", "own_on"),
    [
        ({"jetstream_domain": "hub"}, {}, "hub"),
        ({}, {"jetstream_domain": "hub"}, "leaf"),
    ],
)
async def test_an_auditor_on_a_leaf_node_reads_the_stream_of_the_hub(tmp_path, nats, audit, own_on):
    async with hub_and_leaf() as (hub, leaf), connected(hub, **USER) as there, connected(leaf, **USER) as here:
        await wait_for(here, "$JS.hub.API")
        seeded = await fill_stream(there)
        # Publishes reach the streams of both domains, so the subjects are not those of another auditor.
        prefixes = {"quarantine": "leaf.quarantine", "state": "leaf.state"}
        own = {name: {"subject_prefix": prefix} for name, prefix in prefixes.items()}
        config = configured(tmp_path, leaf.url, nats={**USER, **nats}, audit=audit, **own)
        found = await auditor("scan", "--config", config, "--json")
        assert (found.code, found.json["audits"][0]["findings_total"]) == (2, totals(seeded))
        assert await streams(there) == {"ORDERS", *(OWN if own_on == "hub" else ())}
        assert await streams(here) == (set() if own_on == "hub" else OWN)
        again = await auditor("scan", "--config", config, "--json")
        assert again.json["audits"][0]["mode"] == "incremental"
        records = await auditor("quarantine", "list", "--config", config, "--json")
        assert records.out.count("\n") == sum(n for kind, n in totals(seeded).items() if spec(Kind(kind)).quarantined)


async def test_an_auditor_does_not_begin_where_a_stream_of_another_domain_takes_its_subjects(tmp_path):
    async with hub_and_leaf() as (hub, leaf), connected(hub, **USER) as there, connected(leaf, **USER) as here:
        await wait_for(here, "$JS.hub.API")
        await fill_stream(there)
        at_hub = configured(tmp_path, hub.url, nats=USER, audit={})
        assert (await auditor("scan", "--config", at_hub)).code == 2
        stored = json.loads((await there.request("$JS.API.STREAM.INFO.AETHER_AUDIT")).data)["state"]
        at_leaf = configured(tmp_path, leaf.url, nats=USER, audit={"jetstream_domain": "hub"})
        said = await auditor("scan", "--config", at_leaf)
        assert said.code == 1
        assert "another JetStream domain does: set quarantine.subject_prefix to another one here" in said.err
        doctor = await auditor("doctor", "--config", at_leaf)
        assert "set state.subject_prefix to another one here" in doctor.out
        assert await streams(here) == set()
        assert json.loads((await there.request("$JS.API.STREAM.INFO.AETHER_AUDIT")).data)["state"] == stored
        prefixes = {"quarantine": "aether.quarantine.leaf", "state": "aether.audit.leaf"}
        own = {name: {"subject_prefix": prefix} for name, prefix in prefixes.items()}
        at_leaf = configured(tmp_path, leaf.url, nats=USER, audit={"jetstream_domain": "hub"}, **own)
        ended = await auditor("scan", "--config", at_leaf)
        assert (ended.code, "another stream stores a copy of each message" in ended.err) == (2, True)


async def test_a_work_queue_is_read_by_single_requests_and_the_doctor_says_so(server, admin, tmp_path):
    settings = {"name": "ORDERS", "subjects": ["ORDERS.events.>"], "retention": "workqueue"}
    assert "error" not in json.loads(
        (await admin.request("$JS.API.STREAM.CREATE.ORDERS", json.dumps(settings).encode())).data
    )
    await admin.request("ORDERS.events.order.order-1", b"{")
    config = configured(tmp_path, server.url, nats={}, audit={})
    found = await auditor("scan", "--config", config, "--dry-run", "--json")
    assert (found.code, found.json["audits"][0]["findings_total"]) == (2, {"malformed_event": 1})
    assert "reading by single requests" in found.err
    assert "is a work queue, of which no consumer reads" in (await auditor("doctor", "--config", config)).out
    config = configured(tmp_path, server.url, nats={}, audit={"read_by": "consumer"})
    assert (await auditor("scan", "--config", config, "--dry-run")).code == 3


OWN = {"AETHER_QUARANTINE", "AETHER_AUDIT"}


async def test_a_stream_that_the_nearest_domain_does_not_have_is_reported_with_that_domain(tmp_path):
    async with hub_and_leaf() as (hub, leaf), connected(hub, **USER) as there, connected(leaf, **USER) as here:
        await wait_for(here, "$JS.hub.API")
        await fill_stream(there)
        said = await auditor("scan", "--config", configured(tmp_path, leaf.url, nats=USER, audit={}), "--dry-run")
        assert "stream ORDERS does not exist in JetStream domain leaf" in said.err
        config = configured(tmp_path, leaf.url, nats={**USER, "jetstream_domain": "hbu"}, audit={})
        said = await auditor("scan", "--config", config, "--dry-run")
        assert "nothing answers on $JS.hbu.API" in said.err
        assert said.code == 1


@pytest.fixture
async def importing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[EmbeddedServer, tuple[Damage, ...]]]:
    """A server with the shipped import, and the damaged stream in the account that exports it."""
    monkeypatch.setenv("ADMINISTRATOR_PASSWORD", "first")
    monkeypatch.setenv("AUDITOR_PASSWORD", "second")
    async with EmbeddedServer(config=IMPORT) as server:
        async with connected(server, user="administrator", password="first") as admin:
            yield server, await fill_stream(admin)
            assert await streams(admin) == {"ORDERS"}
        server.kill()


async def test_an_auditor_reads_a_stream_of_another_account_through_the_shipped_import(importing, tmp_path):
    server, seeded = importing
    audit = {"jetstream_api_prefix": "JS.APP.API"}
    administrator = {"user": "audit-administrator", "password": "first"}
    config = configured(tmp_path, server.url, nats=administrator, audit=audit)
    assert (await auditor("provision", "--config", config)).code == 0
    config = configured(tmp_path, server.url, nats={"user": "auditor", "password": "second"}, audit=audit)
    found = await auditor("scan", "--config", config, "--json")
    assert (found.code, found.json["audits"][0]["findings_total"]) == (2, totals(seeded))
    named = configured(
        tmp_path, server.url, nats={"user": "auditor", "password": "second"}, audit={**audit, "actors": ["order-1"]}
    )
    assert (await auditor("scan", "--config", named, "--dry-run", "--json")).json["audits"][0]["coverage"] == 1
    doctor = await auditor("doctor", "--config", config)
    assert "may publish to all subjects that it needs" in doctor.out
    assert "which it does not need" not in doctor.out
    assert (await auditor("selftest", "--config", config)).code == 0


async def test_an_import_that_lets_one_answer_through_is_named(importing, tmp_path):
    server, _ = importing
    server.config = IMPORT.replace("response_type: stream, ", "")
    await server.restart()
    nats = {"user": "auditor", "password": "second"}
    config = configured(tmp_path, server.url, nats=nats, audit={"jetstream_api_prefix": "JS.APP.API"})
    found = await auditor("scan", "--config", config, "--dry-run", "--json")
    assert found.code == 3
    assert "export CONSUMER.MSG.NEXT with response_type: stream" in found.json["audits"][0]["incomplete"]


async def test_an_audit_through_an_import_that_does_not_exist_names_the_import(importing, tmp_path):
    server, _ = importing
    nats = {"user": "audit-administrator", "password": "first"}
    config = configured(tmp_path, server.url, nats=nats, audit={"jetstream_api_prefix": "JS.OTHER.API"})
    said = await auditor("scan", "--config", config, "--dry-run")
    assert (said.code, "import of JS.OTHER.API" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        ({"mirror": {"name": "ORDERS"}}, "ORDERS"),
        ({"sources": [{"name": "ORDERS"}]}, "ORDERS"),
        ({"mirror": {"name": "ORDERS", "subject_transforms": [{"src": "ORDERS.>", "dest": "C.>"}]}}, "C"),
    ],
)
async def test_a_copy_of_a_stream_is_audited_with_the_prefix_that_the_error_offers(
    server, admin, seeded, tmp_path, settings, prefix
):
    messages = json.loads((await admin.request("$JS.API.STREAM.INFO.ORDERS")).data)["state"]["messages"]
    body = json.dumps({"name": "ORDERS_COPY", "storage": "file", **settings}).encode()
    assert "error" not in json.loads((await admin.request("$JS.API.STREAM.CREATE.ORDERS_COPY", body)).data)
    for _ in range(500):
        reply = await admin.request("$JS.API.STREAM.INFO.ORDERS_COPY")
        if json.loads(reply.data)["state"]["messages"] == messages:
            break
    audit = {"stream": "ORDERS_COPY"}
    said = await auditor("scan", "--config", configured(tmp_path, server.url, nats={}, audit=audit), "--json")
    assert said.code == 3
    assert f"so set subject_prefix of audit orders to {prefix}" in said.json["audits"][0]["incomplete"]
    audit["subject_prefix"] = prefix
    config = configured(tmp_path, server.url, nats={}, audit=audit)
    found = await auditor("scan", "--config", config, "--json")
    missing_from_source = {"deleted_messages": 1} if "sources" in settings else {}
    expected = {kind: count for kind, count in totals(seeded).items() if kind not in missing_from_source}
    total = found.json["audits"][0]["findings_total"]
    assert (found.code, {kind: count for kind, count in total.items() if kind not in missing_from_source}) == (
        2,
        expected,
    )
    if settings != {"mirror": {"name": "ORDERS"}}:
        return
    one = (await auditor("actor", seeded[0].actor.actor_id, "--config", config, "--json")).json
    assert one["subject"].startswith(f"{prefix}.events.")
    doctor = await auditor("doctor", "--config", config)
    assert "copies another stream, so Aether does not open it" in doctor.out
    assert "Aether cannot open it" not in doctor.out
