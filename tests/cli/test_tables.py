"""Tables show findings with their place, and escape markup and control characters."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from auditor.canary.match import match_findings
from auditor.cli.tables import PIPE_WIDTH, findings_table, print_line, print_match, print_report, result_console
from auditor.core.model.findings import Kind
from auditor.core.model.passes import Mode, SeqRange
from auditor.core.replicas.result import ReplicaResult
from auditor.units import format_utc
from tests.core.findings import finding_of
from tests.core.replicas.test_result import ABSENT, MISSING, THREE
from tests.core.reports import report
from tests.core.stories import event


def printed(*, terminal: bool, width: int = 200) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=width, color_system="truecolor" if terminal else None), out


def test_markup_and_control_characters_are_escaped() -> None:
    console, out = printed(terminal=False)
    hostile = "[red]x[/red] \x1b\r\n\u202e :smile:"
    console.print(findings_table([finding_of(Kind.LATE_VERSION, actor=hostile)]))
    print_line(console, hostile)
    shown = out.getvalue()
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert shown.count("[red]x[/red] \\x1b\\x0d\\x0a\\u202e :smile:") == 2


def test_a_finding_is_listed_with_its_place_actor_and_cause() -> None:
    console, out = printed(terminal=False)
    gap = finding_of(Kind.VERSION_GAP, after_seq=17, before_seq=20, detail="version 3 is missing")
    console.print(findings_table([gap, finding_of(Kind.DELETED_MESSAGES, first_seq=17, last_seq=20)]))
    header, _, first, second = (line.split() for line in out.getvalue().splitlines())
    assert header[:3] == ["sequence", "kind", "reason"]
    assert " ".join(first) == "after 17, before 20 version_gap unknown order-1 version 3 is missing"
    assert second == ["17–20", "deleted_messages"]


def test_a_finding_that_was_not_expected_is_printed_with_its_place() -> None:
    console, out = printed(terminal=False)
    late = finding_of(Kind.LATE_VERSION, seq=17, detail="late")
    print_match(console, match_findings([], replace(report(), findings=(late,))))
    assert "found besides: late_version 17 order-1 late\n" in out.getvalue()


def test_a_line_is_never_broken() -> None:
    console, out = printed(terminal=False, width=20)
    print_line(console, "x" * 500)
    assert out.getvalue() == "x" * 500 + "\n"


def test_a_report_ends_with_its_verdict() -> None:
    console, out = printed(terminal=False)
    print_report(
        console, report(("S.events.order.order-1", b"{"), incomplete="the stream is gone", quarantine_pending=3)
    )
    *_, last = out.getvalue().splitlines()
    assert last == "orders: corrupt (the stream is gone); 3 records are not in the quarantine yet"


def test_a_table_that_is_not_for_a_terminal_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert result_console().width == PIPE_WIDTH
    monkeypatch.setenv("COLUMNS", "77")
    assert result_console().width == 77


WHOLE = SeqRange(1, 9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"read": WHOLE}, "full, everything read, "),
        ({"read": SeqRange(1, 4), "incomplete": "x"}, "full, sequences 1 to 4 read, those after not read, "),
        (
            {"read": SeqRange(3, 4), "incomplete": "x"},
            "full, sequences 3 to 4 read, those before known since {began}, those after not read, ",
        ),
        ({"read": SeqRange(3, 9)}, "full, sequences 3 to 9 read, the rest known since {began}, "),
        (
            {"mode": Mode.INCREMENTAL, "read": SeqRange(8, 8), "incomplete": "x"},
            "incremental, sequences 8 to 8 read, those before known since {began}, those after not read, ",
        ),
        ({"mode": Mode.INCREMENTAL, "read": None}, "incremental, nothing new to read, the rest known since {began}, "),
        ({"read": None, "incomplete": "x"}, "full, nothing read, "),
    ],
)
def test_a_report_says_what_was_read_what_was_known_and_what_was_not_read(
    fields: dict[str, object], expected: str
) -> None:
    console, out = printed(terminal=False)
    stored = [(f"S.events.order.order-{n}", event(f"order-{n}", 1)) for n in range(1, 10)]
    ended = report(*stored, **fields)
    print_report(console, ended)
    (line,) = [line for line in out.getvalue().splitlines() if line.startswith("pass")]
    assert line.split(maxsplit=1)[1].startswith(expected.format(began=format_utc(ended.full_pass_started_ns)))


def test_the_copies_of_a_replicated_stream_are_a_table() -> None:
    console, out = printed(terminal=False)
    print_report(console, report(copies=ReplicaResult(THREE, (MISSING, ABSENT), "the copy on n3 was not read")))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    start = lines.index("copy on server first last messages read whole verdict")
    assert lines[start + 2 : start + 5] == [
        "n1 (leader) 1 20 20 0 s ago clean",
        "n2 1 20 19 0 s ago corrupt",
        "n3 ? ? ? never inconclusive",
    ]
    assert "copies 2 of 3 read whole" in lines
    assert any(line.startswith("7–9 replica_missing n2") for line in lines)
    assert lines[-1] == "orders: corrupt (the copy on n3 was not read)"


def test_a_copy_that_may_be_the_only_good_one_is_called_undecided() -> None:
    console, out = printed(terminal=False)
    console.print(findings_table([finding_of(Kind.REPLICA_DIFFERS, replica="n2", undecided=True)]))
    assert "replica_differs undecided n2" in " ".join(out.getvalue().split())


def test_of_a_stream_with_one_copy_no_table_of_copies_is_printed() -> None:
    console, out = printed(terminal=False)
    print_report(console, report())
    assert "cop" not in out.getvalue()
