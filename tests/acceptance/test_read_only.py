"""Commands that only read, as a user who may not publish to the streams of the auditor's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.conftest import Guarded, Way, auditor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SERVER = """
accounts { APP { jetstream: enabled, users: [
  { user: administrator, password: first }
  { user: reader, password: second, permissions: { publish: { deny: [
      "aether.quarantine.>", "aether.audit.>", "$JS.API.STREAM.CREATE.>"
  ] } } }
] } }
"""
USERS = {
    "administrator": {"user": "administrator", "password": "first"},
    "reader": {"user": "reader", "password": "second"},
}


def refused(guarded: Guarded) -> int:
    """How many publishes the server has refused."""
    return (guarded.server.folder / "nats-server.log").read_text().count("Publish Violation")


async def test_a_dry_run_needs_no_own_streams_and_no_right_to_publish_to_them(
    guarding: Callable[[Way], Awaitable[Guarded]],
) -> None:
    guarded = await guarding(Way(SERVER, USERS))
    ended = await auditor("scan", "--config", guarded.config("reader"), "--dry-run", "--json")
    assert (ended.code, ended.err) == (2, "")
    assert ended.json["audits"][0]["quarantine_pending"] == 0
    assert refused(guarded) == 0
    assert (await auditor("scan", "--config", guarded.config("reader"))).code == 1
    assert refused(guarded) > 0


async def test_every_command_that_only_reads_works_without_the_right_to_publish_and_tries_none(
    guarding: Callable[[Way], Awaitable[Guarded]],
) -> None:
    guarded = await guarding(Way(SERVER, USERS))
    scanned = await auditor("scan", "--config", guarded.config("administrator"), "--json")
    key = next(each["quarantine"] for each in scanned.json["audits"][0]["findings"] if "quarantine" in each)
    config = guarded.config("reader")
    for code, *command in (
        (2, "scan", "--dry-run"),
        (2, "scan", "--dry-run", "--full"),
        (2, "actor", "order-1"),
        (0, "quarantine", "list"),
        (0, "quarantine", "show", key),
        (0, "quarantine", "export", key, "--out", "-"),
        (0, "state", "show"),
        (0, "accept", "--audit", "orders", "--list"),
    ):
        ended = await auditor(*command, "--config", config)
        assert (ended.code, ended.err) == (code, ""), command
    assert refused(guarded) == 0
    storing = await auditor("scan", "--config", config, "--full", "--json")
    assert storing.json["audits"][0]["quarantine_pending"] > 0
    assert refused(guarded) > 0
