"""Renders the status of the daemon as an HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from auditor.core.model.findings import Severity, place_of
from auditor.safe_text import escape_unsafe
from auditor.units import NANOSECONDS, format_age, format_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.findings import Finding
    from auditor.core.report.pass_report import BrokenActor
    from auditor.service.status import ServiceStatus

MAX_FINDINGS = 100
"""How many findings the page lists for each audit. The command line and /api/status list more."""

_SOURCE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
_STYLE = re.search(r"<style>(.*?)</style>", _SOURCE, re.DOTALL)
assert _STYLE is not None
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE[1].encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)
"""Allows the style sheet of the page and nothing else: no script, image, font or frame."""


def _repair(actor: BrokenActor) -> str:
    """Returns what would make a broken actor replayable."""
    return actor.required_snapshot_text or "an id of its own: several actors share the subject"


def _latest(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings with the highest sequences, the highest first."""
    return sorted(findings, key=lambda finding: finding.position, reverse=True)[:MAX_FINDINGS]


_ENVIRONMENT = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters["escape_unsafe"] = lambda text: escape_unsafe(str(text))
_ENVIRONMENT.filters["latest"] = _latest
_ENVIRONMENT.filters["place"] = place_of
_ENVIRONMENT.filters["time"] = format_utc
_ENVIRONMENT.filters["age"] = format_age
_ENVIRONMENT.filters["seconds"] = lambda duration_ns: f"{duration_ns / NANOSECONDS:.2f} s"
_ENVIRONMENT.filters["repair"] = _repair
_TEMPLATE = _ENVIRONMENT.from_string(_SOURCE)


def render(status: ServiceStatus, now_ns: int) -> str:
    """Returns the page as HTML. `now_ns`: nanoseconds since 1970, from which ages are computed."""
    return _TEMPLATE.render(status=status, now_ns=now_ns, corruption=Severity.CORRUPTION, max_findings=MAX_FINDINGS)
