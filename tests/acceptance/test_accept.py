"""`auditor accept` as a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.canary.actor_messages import ActorMessages
from tests.acceptance.conftest import auditor, configured
from tests.acceptance.test_scan import good, store
from tests.acceptance.test_state import BAD, scanned
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client


@pytest.fixture
async def config(server: EmbeddedServer, admin: Client, tmp_path: Path) -> str:
    """Of a stream that was scanned, and has two malformed events."""
    await store(server, admin, *good(3), BAD, BAD)
    path = configured(tmp_path, server.url)
    await scanned(path)
    return path


def accept(config: str, *more: str) -> tuple[str, ...]:
    return ("accept", "--config", config, "--audit", "orders", *more)


async def test_only_findings_after_the_acceptance_make_a_pass_corrupt(config: str, server: EmbeddedServer) -> None:
    ended = await auditor(*accept(config, "--kind", "malformed_event", "--reason", "written by a test"))
    assert (ended.code, ended.out) == (
        0,
        "orders: 2 malformed_event accepted up to sequence 5; still open: nothing\n",
    )
    report = await scanned(config)
    assert (report["verdict"], report["findings"], report["findings_total"]) == ("clean", [], {})
    assert report["accepted_total"] == {"malformed_event": 2}
    assert (await auditor("scan", "--config", config)).code == 0
    async with RawPublisher(server.port) as publisher:
        await publisher.publish([BAD])
    report = await scanned(config, "--full")
    assert (report["verdict"], report["findings_total"]) == ("corrupt", {"malformed_event": 1})


async def test_a_gap_that_appears_below_an_accepted_one_is_open(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    skipping = ActorMessages("ORDERS", "order-2")
    skipping.events(1, 4)
    await store(server, admin, *good(3), *skipping.messages)
    path = configured(tmp_path, server.url)
    await scanned(path)
    assert (await auditor(*accept(path, "--kind", "version_gap", "--reason", "known"))).code == 0
    assert (await auditor("scan", "--config", path)).code == 0
    await admin.request("$JS.API.STREAM.MSG.DELETE.ORDERS", b'{"seq":2}')
    report = await scanned(path, "--full")
    assert (report["verdict"], report["accepted_total"]) == ("corrupt", {"version_gap": 1})
    assert report["findings_total"]["version_gap"] == 1


async def test_acceptances_are_listed_and_can_be_withdrawn(config: str) -> None:
    assert (await auditor(*accept(config, "--list"))).out == "orders: nothing is accepted\n"
    await auditor(*accept(config, "--kind", "malformed_event", "--up-to-seq", "4", "--reason", "known\x1b since\nmay"))
    listed = await auditor(*accept(config, "--list"))
    assert listed.out.startswith("malformed_event up to sequence 4, since 20")
    assert listed.out.endswith(r"known\x1b since\x0amay" + "\n")
    assert (await scanned(config))["findings_total"] == {"malformed_event": 1}
    assert (await auditor(*accept(config, "--undo", "--kind", "malformed_event"))).code == 0
    assert (await scanned(config))["findings_total"] == {"malformed_event": 2}
    again = await auditor(*accept(config, "--undo", "--kind", "malformed_event"))
    assert again.code == 1
    assert "no finding of kind malformed_event is accepted" in again.said


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--kind", "version_gap", "--reason", "x"), "no finding of kind version_gap is open in audit orders"),
        (("--kind", "nonsense", "--reason", "x"), '"nonsense" is no kind of finding: they are malformed_event,'),
        (("--kind", "malformed_event"), "--reason TEXT"),
        (("--kind", "malformed_event", "--reason", " "), "--reason TEXT"),
        (("--reason", "x"), "--kind KIND"),
        (
            ("--kind", "malformed_event", "--up-to-seq", "3", "--reason", "x"),
            "is open in audit orders up to sequence 3",
        ),
        (("--kind", "malformed_event", "--up-to-seq", "6", "--reason", "x"), "the last pass ended at sequence 5"),
        (("--kind", "malformed_event", "--up-to-seq", "0", "--reason", "x"), "--up-to-seq"),
    ],
)
async def test_what_cannot_be_accepted_is_refused_in_one_line(config: str, options: tuple[str, ...], line: str) -> None:
    ended = await auditor(*accept(config, *options))
    assert ended.code == 1
    assert line in ended.said


async def test_before_the_first_pass_nothing_can_be_accepted(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, BAD)
    ended = await auditor(*accept(configured(tmp_path, server.url), "--kind", "malformed_event", "--reason", "x"))
    assert ended.code == 1
    assert "run auditor scan first" in ended.said
