"""A scan of one stream needs no configuration file, and a file need not be named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import auditor, streams, totals

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.canary.damage import Damage
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client


async def test_a_server_and_a_stream_are_enough_and_nothing_is_stored(
    server: EmbeddedServer, admin: Client, seeded: tuple[Damage, ...]
) -> None:
    found = await auditor("scan", "--server", server.url, "--stream", "ORDERS", "--json")
    assert (found.code, found.json["audits"][0]["findings_total"]) == (2, totals(seeded))
    assert await streams(admin) == {"ORDERS"}


@pytest.mark.usefixtures("seeded")
async def test_a_context_and_the_variables_of_the_nats_tool_name_the_server_and_save_stores(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    (folder / "prod.json").write_text(json.dumps({"url": server.url, "description": "", "creds": ""}))
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert (await auditor("scan", "--context", "prod", "--stream", "ORDERS", **environ)).code == 2
    assert await streams(admin) == {"ORDERS"}
    ended = await auditor("scan", "--stream", "ORDERS", "--save", NATS_CONTEXT="prod", **environ)
    assert (ended.code, await streams(admin)) == (2, {"ORDERS", "AETHER_AUDIT", "AETHER_QUARANTINE"})
    absent = await auditor("scan", "--context", "other", "--stream", "ORDERS", **environ)
    assert (absent.code, "context other" in absent.said) == (1, True)


@pytest.mark.usefixtures("seeded")
async def test_the_configuration_file_of_the_variable_is_used(config: str, server: EmbeddedServer) -> None:
    assert (await auditor("scan", "--dry-run", AUDITOR_CONFIG=config)).code == 2
    assert (await auditor("scan", "--dry-run", "-c", config)).code == 2
    ended = await auditor("scan", "--stream", "ORDERS", "--config", config)
    assert (ended.code, "leave out --config" in ended.said) == (1, True)
    ended = await auditor("scan", "--server", server.url)
    assert (ended.code, "--stream NAME" in ended.said) == (1, True)


@pytest.mark.parametrize("verb", [["scan"], ["doctor"], ["state", "show"], ["quarantine", "list"], ["run"]])
async def test_the_help_says_where_a_command_looks_for_its_configuration(verb: list[str]) -> None:
    ended = await auditor(*verb, "--help", COLUMNS="300")
    assert "AUDITOR_CONFIG, ./auditor.yaml, /etc/auditor/auditor.yaml" in " ".join(ended.out.split())
