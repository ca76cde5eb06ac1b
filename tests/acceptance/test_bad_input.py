"""Every error is one line that says what failed, where and what to do; the exit code is 1."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from auditor.embedded_server import EmbeddedServer
from tests.acceptance.conftest import auditor, configured

if TYPE_CHECKING:
    from pathlib import Path

AUTHORIZED = "authorization { user: other, password: secret }"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan"], "--config"),
        (["scan", "--config"], "--config"),
        (["fly"], "fly"),
        (["scan", "--config", "x.yaml", "--nope"], "--nope"),
        (["scan", "--config", "x.yaml", "--max-findings", "many"], "max-findings"),
        (["actor", "--config", "x.yaml"], "ID"),
        (["quarantine", "show", "--config", "x.yaml"], "KEY"),
        (["demo", "--http", "nowhere"], "--http"),
    ],
)
async def test_a_usage_error_is_one_line(arguments: list[str], message: str) -> None:
    ended = await auditor(*arguments)
    assert ended.code == 1
    assert message in ended.said


@pytest.mark.parametrize("verb", [["scan"], ["run"], ["actor", "order-1"], ["quarantine", "list"]])
async def test_a_missing_configuration_file_is_one_line(verb: list[str], tmp_path: Path) -> None:
    ended = await auditor(*verb, "--config", str(tmp_path / "none.yaml"))
    assert (ended.code, "none.yaml: cannot be read: No such file" in ended.said) == (1, True)


async def test_every_problem_of_a_configuration_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("audits: [{name: A, strem: X}]\nlog: {level: loud}\n")
    for verb in (["config", "check"], ["scan", "--config"]):
        ended = await auditor(*verb, str(path))
        assert ended.code == 1
        assert [line.split(": ")[2] for line in ended.err.splitlines()] == [
            "audits[0].name", "audits[0].stream", "audits[0].strem", "log.level",
        ]  # fmt: skip


async def test_a_good_configuration_is_ok_and_its_schema_is_json(tmp_path: Path) -> None:
    ended = await auditor("config", "check", configured(tmp_path, "nats://127.0.0.1:4222"))
    first, runs = ended.out.splitlines()
    assert (ended.code, first.endswith(": ok, audits: orders"), ended.err) == (0, True, "")
    assert runs.startswith("orders: runs at the start, then ")
    assert (await auditor("config", "schema")).json["properties"]["audits"]


async def test_help_names_every_command() -> None:
    ended = await auditor("--help")
    assert ended.code == 0
    for verb in ("run", "scan", "actor", "quarantine", "config", "demo"):
        assert verb in ended.out


@pytest.mark.parametrize("verb", [["scan"], ["actor", "order-1"], ["quarantine", "list"]])
async def test_an_unreachable_server_is_one_line(verb: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = await auditor(*verb, "--config", configured(tmp_path, f"nats://127.0.0.1:{port}"))
    assert (ended.code, f"127.0.0.1:{port}" in ended.said) == (1, True)


async def test_a_stream_that_does_not_exist_is_one_line(config: str) -> None:
    for verb in (["scan", "--config", config], ["actor", "order-1", "--config", config]):
        ended = await auditor(*verb)
        assert (ended.code, "ORDERS" in ended.err, ended.err.count("\n")) == (1, True, 1)
        assert ended.out == ""


async def test_a_quarantine_that_does_not_exist_is_one_line(config: str) -> None:
    for verb in (["list"], ["show", "x"], ["export", "x", "--out", "x"]):
        ended = await auditor("quarantine", *verb, "--config", config)
        assert (ended.code, "AETHER_QUARANTINE" in ended.said) == (1, True)
        assert ended.said.endswith("does not exist: run a pass, or `auditor provision` as an administrator\n")


async def test_a_command_advises_no_pass_if_the_auditor_may_not_create_the_quarantine_stream(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url, more="quarantine: {create: false}")
    advice = "does not exist: run `auditor provision` as an administrator, or set quarantine.create to true\n"
    for verb in (["quarantine", "list"], ["quarantine", "show", "x"], ["scan"]):
        ended = await auditor(*verb, "--config", config)
        assert (ended.code, ended.said.endswith(advice)) == (1, True)


async def test_wrong_credentials_are_one_line_and_not_repeated(tmp_path: Path) -> None:
    async with EmbeddedServer(config=AUTHORIZED) as server:
        config = configured(tmp_path, server.url)
        text = (tmp_path / "auditor.yaml").read_text()
        for credentials in ("", ", user: other, password: hunter2"):
            (tmp_path / "auditor.yaml").write_text(text.replace('"]}', f'"]{credentials}}}'))
            ended = await auditor("scan", "--config", config)
            assert (ended.code, "uthorization" in ended.said, "hunter2" in ended.err) == (1, True, False)


async def test_a_server_without_jetstream_is_one_line(tmp_path: Path) -> None:
    async with EmbeddedServer(jetstream=False) as server:
        ended = await auditor("scan", "--config", configured(tmp_path, server.url))
        assert (ended.code, "JetStream" in ended.said) == (1, True)


async def test_a_port_in_use_is_one_line(server: EmbeddedServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configured(tmp_path, server.url, more=f"http: {{listen: '{address}'}}\nlog: {{level: error}}")
        ended = await auditor("run", "--config", config)
        assert (ended.code, address in ended.said) == (1, True)
        ended = await auditor("demo", "--http", address)
        assert (ended.code, address in ended.err, ended.err.count("\n")) == (1, True, 1)


@pytest.mark.parametrize("actor_id", ["", "a\tb", "a\nb", "\udcff"])
async def test_an_id_that_no_actor_can_have_is_one_line(actor_id: str, config: str) -> None:
    ended = await auditor("actor", actor_id, "--config", config)
    assert (ended.code, "no actor can have this id" in ended.said) == (1, True)


@pytest.mark.usefixtures("seeded")
async def test_an_actor_or_a_record_that_does_not_exist_is_one_line(config: str) -> None:
    ended = await auditor("actor", "order-404", "--config", config)
    assert (ended.code, "order-404" in ended.said) == (1, True)
    assert (await auditor("scan", "--config", config)).code == 2
    for verb in (["show", "nope"], ["export", "nope", "--out", "x"]):
        ended = await auditor("quarantine", *verb, "--config", config)
        assert (ended.code, "nope" in ended.said) == (1, True)


async def test_a_quarantine_stream_that_could_lose_records_is_refused(
    server: EmbeddedServer, admin: object, tmp_path: Path
) -> None:
    settings = b'{"name":"AETHER_QUARANTINE","subjects":["aether.quarantine.>"],"storage":"memory"}'
    await admin.request("$JS.API.STREAM.CREATE.AETHER_QUARANTINE", settings)  # type: ignore[attr-defined]
    config = configured(tmp_path, server.url, more="http: {listen: '127.0.0.1:0'}\nlog: {level: error}")
    for verb in ("scan", "run"):
        ended = await auditor(verb, "--config", config)
        assert (ended.code, "discard_new_per_subject" in ended.said) == (1, True)
