"""The seeded damage of the demo and what a pass finds."""

from __future__ import annotations

from auditor.app import open_app
from auditor.canary.match import match_findings
from auditor.config.values import listen
from auditor.demo.run import running_demo
from auditor.scan.request import PassRequest


async def test_all_seeded_damage_is_found_and_nothing_else() -> None:
    async with (
        running_demo(listen("127.0.0.1:0"), writing=False) as running,
        open_app(running.config, ensure_own_streams=True) as app,
    ):
        report = await app.run_to_end(PassRequest(running.config.audits[0]))
    proof = match_findings(running.damage, report)
    missed = [(damage.title, expected) for damage, findings in proof.found for expected, found in findings if not found]
    assert (missed, proof.unexpected, proof.is_exact) == ([], (), True)
    assert match_findings(running.damage[1:], report).unexpected
    assert not match_findings(running.damage[1:], report).is_exact
