"""The auditor and the model of findings agree on random scenarios, on a real server."""

from __future__ import annotations

import ast
import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.config import NatsConfig
from auditor.jetstream.connection.client import connect
from tests.model.run import DisagreementError, Runner
from tests.model.scenarios import OPERATIONS, scenario
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer

MODEL = ("bodies.py", "findings.py", "scenarios.py")
KINDS = {
    "malformed_event",
    "hidden_event",
    "foreign_actor",
    "subject_collision",
    "unreachable_event",
    "version_gap",
    "duplicate_version",
    "late_version",
    "version_regression",
    "missing_head",
    "malformed_snapshot",
    "foreign_snapshot",
    "snapshot_ahead",
    "deleted_messages",
    "stream_recreated",
    "config_changed",
}
"""What operations of the JetStream API on a stream can cause."""


@pytest.mark.parametrize("name", MODEL)
def test_the_model_imports_nothing_of_the_auditor(name: str) -> None:
    nodes = list(ast.walk(ast.parse(Path(__file__).with_name(name).read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert [each for each in names if each.split(".")[0] == "auditor"] == []


async def compare(server: EmbeddedServer, seeds: list[int]) -> tuple[Counter[str], Counter[str]]:
    """Run the scenarios of `seeds`; returns how often each kind and each operation occurred."""
    kinds, operations, failed = Counter[str](), Counter[str](), []
    client = await connect(NatsConfig(servers=(server.url,)))
    try:
        async with RawPublisher(server.port) as publisher:
            for seed in seeds:
                runner = Runner(client, publisher, f"M{seed}")
                try:
                    await runner.run(scenario(seed))
                except DisagreementError as error:
                    failed.append(f"seed {seed}, {error}")
                kinds.update(runner.kinds)
                operations.update(runner.operations)
    finally:
        await client.close()
    assert not failed, f"{len(failed)} of {len(seeds)} scenarios:\n\n" + "\n\n".join(failed[:3])
    return kinds, operations


async def test_the_auditor_and_the_model_agree_on_three_hundred_scenarios(server: EmbeddedServer) -> None:
    kinds, operations = await compare(server, list(range(300)))
    assert kinds.keys() == KINDS
    assert operations.keys() == set(OPERATIONS)


async def test_the_auditor_and_the_model_agree_on_scenarios_of_a_fresh_seed(server: EmbeddedServer) -> None:
    start = 1_000_000 + secrets.randbelow(1_000_000_000)
    await compare(server, list(range(start, start + 20)))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_the_auditor_and_the_model_agree_on_ten_thousand_scenarios(server: EmbeddedServer) -> None:
    start = 2_000_000_000 + secrets.randbelow(1_000_000_000)
    await compare(server, list(range(start, start + 10_000)))
