"""The auditor and the model of findings agree on random scenarios, on a real server."""

from __future__ import annotations

import ast
import secrets
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.config import NatsConfig
from auditor.jetstream.connection.client import connect
from tests.model.comparison import DisagreementError
from tests.model.run import Runner
from tests.model.scenarios import OPERATIONS, scenario

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer

MODEL = ("acceptances.py", "bodies.py", "findings.py", "scenarios.py")
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

DISTURBED = ("crashed", "part compared", "server killed while reading", "yielded")
"""What became of passes that were disturbed."""
MAX_SHARE_NOT_COMPARED = 0.03
"""Passes that begin at a checkpoint and are interrupted, or do not read again after deletions. They must not be clean."""


@pytest.mark.parametrize("name", MODEL)
def test_the_model_imports_nothing_of_the_auditor(name: str) -> None:
    nodes = list(ast.walk(ast.parse(Path(__file__).with_name(name).read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert [each for each in names if each.split(".")[0] == "auditor"] == []


@dataclass
class Occurred:
    """What occurred in scenarios, as in `Runner`."""

    kinds: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


async def compare(server: EmbeddedServer, seeds: list[int]) -> Occurred:
    """Run the scenarios of `seeds`; returns what occurred."""
    occurred, failed = Occurred(), []
    client = await connect(NatsConfig(servers=(server.url,)))
    try:
        for seed in seeds:
            runner = Runner(server, client, f"M{seed}", scenario(seed))
            try:
                await runner.run()
            except DisagreementError as error:
                failed.append(f"seed {seed}, {error}")
            occurred.kinds.update(runner.kinds)
            occurred.accepted.update(runner.accepted)
            occurred.done.update(runner.done)
    finally:
        await client.close()
    assert not failed, f"{len(failed)} of {len(seeds)} scenarios:\n\n" + "\n\n".join(failed[:3])
    return occurred


@pytest.mark.timeout(300)
async def test_the_auditor_and_the_model_agree_on_three_hundred_scenarios(server: EmbeddedServer) -> None:
    occurred = await compare(server, list(range(300)))
    assert occurred.kinds.keys() == KINDS
    assert occurred.accepted.keys() >= KINDS - {"late_version"}, "the rarest kind is accepted by chance"
    assert occurred.done.keys() >= {*OPERATIONS, *DISTURBED}
    assert occurred.done["only not clean"] < MAX_SHARE_NOT_COMPARED * occurred.done["compared"]


async def test_the_auditor_and_the_model_agree_on_scenarios_of_a_fresh_seed(server: EmbeddedServer) -> None:
    start = 1_000_000 + secrets.randbelow(1_000_000_000)
    await compare(server, list(range(start, start + 20)))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_the_auditor_and_the_model_agree_on_ten_thousand_scenarios(server: EmbeddedServer) -> None:
    start = 2_000_000_000 + secrets.randbelow(1_000_000_000)
    await compare(server, list(range(start, start + 10_000)))
