"""The page shows the status, and nothing stored becomes part of its HTML."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.passes import Progress
from auditor.core.replicas.result import ReplicaResult
from auditor.service import page as page_module
from auditor.service.page import CONTENT_SECURITY_POLICY, MAX_FINDINGS
from tests.core.replicas.test_result import ABSENT, MISSING, THREE
from tests.core.reports import NOW, report
from tests.core.stories import event
from tests.service.statuses import status

if TYPE_CHECKING:
    from auditor.service.status import ServiceStatus


HOUR = 3_600_000_000_000


def render(service: ServiceStatus) -> str:
    """Return the page an hour after the end of the passes of `tests.core.reports`."""
    return page_module.render(service, NOW + HOUR)


class Page(HTMLParser):
    """Tags and text of a page, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_no_verdict_before_the_first_pass() -> None:
    text = Page(render(status())).text
    assert "no verdict yet" in text
    assert "No pass has completed yet" in text
    assert "Not ready: not connected to NATS yet" in text


def test_the_page_shows_the_verdict_the_counts_the_findings_the_progress_and_the_failure() -> None:
    service = status()
    audit = service.audits["orders"]
    stored = [("S.events.order.order-1", event("order-1", 1)), ("S.events.order.order-1", b"{")]
    audit.pass_completed(report(*stored))
    audit.pass_failed("the stream is gone")
    audit.pass_started(Progress(first_seq=1, last_seq=4, seq=1))
    text = Page(render(service)).text
    for words in (
        "corrupt",
        "malformed_event",
        "syntax",
        "order-1",
        "The last pass failed: the stream is gone",
        "25.0 %",
        "took 2.00 s",
    ):
        assert words in text
    assert "aether.quarantine.S.0.2." in text


def test_no_stored_byte_becomes_a_tag_or_a_control_character() -> None:
    service = status()
    hostile = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7*7 }}{% raw %}",
        "\x1b[31m\u202egnp",
        "&lt;b&gt;",
    ]
    stored = [(f"S.events.unknown.{text.replace(' ', '').replace('.', '')}", b"{") for text in hostile]
    stored += [(b"S.events.order.\xff\xfe\x00", b"{"), ("S.events.unknown." + "x" * 4000, b"{")]
    clean = Page(render(status()))
    service.audits["orders"].pass_completed(report(*stored, types=ActorTypes()))
    html = render(service)
    page = Page(html)
    assert set(page.tags) - set(clean.tags) <= {"table", "tr", "th", "td", "code", "br", "h3", "dl", "dt", "dd", "div"}
    for shown in (
        "<script>alert(1)</script>",
        '"><imgsrc=xonerror=alert(1)>',
        "{{7*7}}{%raw%}",
        "\\x1b[31m\\u202egnp",
        "&lt;b&gt;",
        "\\xff\\xfe\\x00",
    ):
        assert shown in page.text
    assert not set(html) & {"\x1b", "\u202e", "\x00"}
    html.encode()


def test_actors_that_share_a_subject_are_named() -> None:
    service = status()
    subject = "S.events.unknown.a_b"
    stored = [(subject, event(actor, 1)) for actor in ("a.b", "a_b", "a*b")]
    service.audits["orders"].pass_completed(report(*stored))
    (collision,) = service.audits["orders"].report.findings
    collision = replace(collision, ids=(*collision.ids, "<b>\x1b\u202e"))
    service.audits["orders"].report = replace(service.audits["orders"].report, findings=(collision,))
    html = render(service)
    for actor in ("a.b", "a_b", "a*b", "&lt;b&gt;\\x1b\\u202e"):
        assert f"<br><code>{actor}</code>" in html


def test_the_finding_with_the_highest_sequence_is_listed_first() -> None:
    service = status()
    service.audits["orders"].pass_completed(report(*[("S.events.order.order-1", b"{")] * 3))
    html = render(service)
    assert html.index("<td>3</td>") < html.index("<td>2</td>") < html.index("<td>1</td>")


def test_the_list_of_findings_is_limited_and_the_page_says_that_there_are_more() -> None:
    service = status()
    stored = [("S.events.order.order-1", b"{")] * (MAX_FINDINGS + 1)
    service.audits["orders"].pass_completed(report(*stored))
    html = render(service)
    assert html.count("quarantine.S") == MAX_FINDINGS
    assert "More findings are open than are listed here." in html


def test_the_page_has_the_one_style_sheet_that_its_policy_allows() -> None:
    page = Page(render(status()))
    assert page.tags.count("style") == 1
    assert "script" not in page.tags
    assert "style-src 'sha256-" in CONTENT_SECURITY_POLICY


def test_broken_actors_are_listed_with_what_would_repair_them() -> None:
    service = status()
    stored = [("S.events.order.order-1", event("order-1", 1)), ("S.events.order.order-1", b"{")]
    shared = [("S.events.order.order-a_b", event(actor, 1)) for actor in ("order-a.b", "order-a_b")]
    one = report(*stored, *shared)
    service.audits["orders"].pass_completed(one)
    text = Page(render(service)).text
    assert "Broken actors" in text
    assert "no snapshot covers the damage: 2 in all" in text
    assert "a snapshot stored after sequence 2" in text
    assert "an id of its own: several actors share the subject" in text
    many = replace(one, broken_list=one.broken_list[:1] * (MAX_FINDINGS + 1))
    service.audits["orders"].pass_completed(many)
    assert Page(render(service)).text.count("a snapshot stored after sequence 2") == MAX_FINDINGS


def test_only_a_failed_self_test_is_on_the_page() -> None:
    service = status()
    for ok, said in ((None, False), (True, False), (False, True)):
        service.selftest_ok = ok
        assert ("The self-test failed" in render(service)) is said


def test_each_copy_of_a_replicated_stream_is_shown_with_its_range_count_age_and_verdict() -> None:
    service = status()
    service.audits["orders"].pass_completed(report(copies=ReplicaResult(THREE, (MISSING, ABSENT), "n3 is offline")))
    text = " ".join(render(service).replace("<", " <").split())
    text = " ".join(Page(text).text.split())
    assert "2 of 3 copies of the stream were read whole" in text
    assert "n1 (leader) 1 20 20 60 min ago clean" in text
    assert "n2 1 20 19 60 min ago corrupt" in text
    assert "n3 ? ? ? never inconclusive" in text
    assert "replica_missing n2 7–9" in text


def test_of_a_stream_with_one_copy_no_copies_are_shown() -> None:
    service = status()
    service.audits["orders"].pass_completed(report())
    assert "copies" not in Page(render(service)).text.lower()
