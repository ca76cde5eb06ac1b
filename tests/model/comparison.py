"""Compares the report of a pass with what the model expects of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from auditor.cli.exit_codes import exit_code
from tests.model.acceptances import count_of

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport
    from tests.model.findings import Expected, Found

FIELDS: dict[str, tuple[str, ...]] = {
    "version_gap": ("subject", "after_version", "before_version", "after_seq", "before_seq"),
    "missing_head": ("subject", "before_version", "before_seq"),
    "duplicate_version": ("subject", "seq", "version"),
    "late_version": ("subject", "seq", "version"),
    "version_regression": ("subject", "seq", "version"),
    "subject_collision": ("subject", "seq", "ids"),
    "deleted_messages": ("first_seq", "last_seq"),
    "config_changed": (),
    "stream_recreated": (),
}
"""What identifies a finding, after its kind, severity and reason or cause; for all other kinds subject and sequence."""
ACTORS = ("seen", "replayable", "replayable_from_snapshot", "broken")
CODES = {"clean": 0, "corrupt": 2, "inconclusive": 3}


class DisagreementError(AssertionError):
    """The auditor and the model do not agree."""


def compare(
    expected: Expected, open_: Counter[Found], accepted: Counter[Found], report: PassReport, *, is_part: bool = False
) -> None:
    """Raises DisagreementError if the report differs. `is_part`: the pass was interrupted, and did not read all messages."""
    have = report.to_json()
    problems = [
        *_differences("", open_, Counter(_found(each) for each in have["findings"])),
        *_differences("accepted ", counts_of(accepted), Counter(have["accepted_total"])),
        *_differences("open ", counts_of(open_), Counter(have["findings_total"])),
    ]
    counts = expected.counts
    verdict = _verdict(expected, open_, is_part=is_part)
    messages = () if is_part else ("in_range", "examined", "deleted", "skipped")
    for name, want, got in (
        ("verdict", verdict, report.verdict),
        ("exit code", CODES[verdict], exit_code([report])),
        *((each, counts[each], have["messages"][each]) for each in messages),
        *((each, counts[each], have["events"][each]) for each in ("ok", "malformed", "hidden", "unreachable")),
        ("snapshots ok", counts["snapshots_ok"], report.snapshots.ok),
        ("snapshots malformed", counts["snapshots_malformed"], report.snapshots.malformed),
        *((each, counts[each], have["actors"][each]) for each in ACTORS),
        ("missing versions", _missing(open_) + _missing(accepted), report.missing_versions),
        ("unreadable", 0, report.messages.unreadable),
        ("unjudged", 0, 0 if is_part else report.messages.unjudged),
        ("pending", 0, report.quarantine_pending),
    ):
        if want != got:
            problems.append(f"{name}: model {want}, auditor {got}")
    if problems:
        raise DisagreementError("\n".join([*problems, f"incomplete: {report.incomplete}"]))


def counts_of(findings: Counter[Found]) -> Counter[str]:
    """What the report counts of each kind."""
    counts = Counter[str]()
    for found, count in findings.items():
        counts[found[0]] += count * count_of(found)
    return counts


def _differences(what: str, model: Counter[Any], auditor: Counter[Any]) -> list[str]:
    model = Counter({_printable(key): count for key, count in model.items()})
    return [f"{what}model only:   {count} x {each}" for each, count in (model - auditor).items()] + [
        f"{what}auditor only: {count} x {each}" for each, count in (auditor - model).items()
    ]


def _verdict(expected: Expected, open_: Counter[Found], *, is_part: bool) -> str:
    if "corruption" in {severity for _, severity, *_ in open_}:
        return "corrupt"
    selects_nothing = expected.counts["examined"] == 0 and expected.counts["skipped"] > 0
    names_actors_of_events = expected.names_actors and expected.stores_events
    return "inconclusive" if is_part or (selects_nothing and not names_actors_of_events) else "clean"


def _missing(findings: Counter[Found]) -> int:
    return sum(
        before - after - 1 for kind, _, _, *facts in findings if kind == "version_gap" for after, before in [facts[1:3]]
    )


def _found(finding: dict[str, Any]) -> Found:
    kind = finding["kind"]
    facts = [finding.get(name) for name in FIELDS.get(kind, ("subject", "seq"))]
    reason = finding.get("reason") or finding.get("cause")
    return (
        str(kind),
        str(finding["severity"]),
        reason and str(reason),
        *(tuple(sorted(fact)) if isinstance(fact, list) else fact for fact in facts),
    )


def _printable(found: Any) -> Any:
    if isinstance(found, str):
        return found
    return tuple(each.decode(errors="backslashreplace") if isinstance(each, bytes) else each for each in found)
