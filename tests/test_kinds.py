"""A new kind of finding needs a name and a row in `auditor/core/model/findings.py`, and its section in the documents.

Everything that shows, counts or accepts findings takes the kinds from that table.
"""

from __future__ import annotations

import ast
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from rich.console import Console

from auditor.cli.tables import findings_table
from auditor.core.model.findings import MESSAGE_KINDS, SPECS, Finding, KindSpec, place_of
from auditor.core.report.pass_report import finding_json
from auditor.core.report.reported_finding import reported
from auditor.service.metrics import registry
from auditor.service.page import render
from tests.core.findings import VALUES, finding_of
from tests.core.reports import report
from tests.service.statuses import status

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "auditor" / "core" / "model" / "findings.py"
SOURCES = sorted(path for path in (ROOT / "auditor").rglob("*.py") if path != TABLE)


def whole(row: KindSpec) -> Finding:
    """A finding with every field that its kind can have."""
    return finding_of(row.kind, detail=f"detail of {row.kind}", **{name: VALUES.get(name, 1) for name in row.optional})


def kinds_in(node: ast.AST) -> int:
    """How many kinds a tuple, list or set names."""
    elements = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else []
    return sum(isinstance(each, ast.Attribute) and ast.unparse(each).startswith("Kind.") for each in elements)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_that_of_the_table_groups_kinds(path: Path) -> None:
    assert [node.lineno for node in ast.walk(ast.parse(path.read_text())) if kinds_in(node) > 1] == []


def test_every_kind_has_a_series_for_each_severity_from_the_first_completed_pass_on() -> None:
    service = status()
    service.audits["orders"].pass_completed(report())
    exported = generate_latest(registry(service)).decode()
    where = 'audit="orders"'
    for row in SPECS:
        for severity in row.severities:
            labels = f'{where},kind="{row.kind}",severity="{severity}",stream="S"'
            assert f"aether_auditor_findings{{{labels}}} 0.0" in exported
            assert f"aether_auditor_newest_finding_timestamp_seconds{{{labels}}} 0.0" in exported
        assert f'aether_auditor_accepted_findings{{{where},kind="{row.kind}",stream="S"}} 0.0' in exported
    series = [line for line in exported.splitlines() if line.startswith("aether_auditor_findings{")]
    assert len(series) == sum(len(row.severities) for row in SPECS)


def test_the_help_text_of_the_metric_names_the_kinds_that_are_counted_by_messages() -> None:
    (family,) = (each for each in registry(status()).collect() if each.name == "aether_auditor_findings")
    assert all(kind in family.documentation for kind in MESSAGE_KINDS)


@pytest.mark.parametrize("row", SPECS, ids=lambda row: row.kind)
def test_every_kind_is_shown_on_the_page_in_the_table_and_in_the_json(row: KindSpec) -> None:
    finding = whole(row)
    shown = replace(report(), findings=(reported(finding, "f-1"),), totals={(finding.kind, finding.severity): 1})
    service = status()
    service.audits["orders"].pass_completed(shown)
    page = render(service, 0)
    (listed,) = service.to_json()["audits"][0]["findings"]
    out = io.StringIO()
    Console(file=out, width=300).print(findings_table([finding]))
    for text in (page, out.getvalue()):
        assert finding.kind in text
        assert f"detail of {row.kind}" in text
        assert place_of(finding) in text
    assert listed == {"id": "f-1", **finding_json(finding)}
    assert set(listed) == {"id", "kind", "severity", "detail", *row.fields, *row.optional}


WITH_A_NEW_KIND = """
import io, json
from dataclasses import replace
from prometheus_client import generate_latest
from rich.console import Console
from auditor.cli.tables import findings_table
from auditor.core.model.findings import Kind
from auditor.core.report.reported_finding import reported
from auditor.service.metrics import registry
from auditor.service.page import render
from tests.core.findings import finding_of
from tests.core.reports import report
from tests.service.statuses import status

finding = finding_of(Kind("new_kind"), seq=17)
shown = replace(report(), findings=(reported(finding, "f-1"),), totals={(finding.kind, finding.severity): 1})
before, after = status(), status()
before.audits["orders"].pass_completed(report())
after.audits["orders"].pass_completed(shown)
table = io.StringIO()
Console(file=table, width=300).print(findings_table([finding]))
texts = [generate_latest(registry(before)).decode(), render(after, 0), json.dumps(after.to_json()), table.getvalue()]
print([text.count("new_kind") for text in texts])
"""


def test_a_kind_that_is_added_to_the_table_is_shown_everywhere(tmp_path: Path) -> None:
    for package in ("auditor", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    table = tmp_path / TABLE.relative_to(ROOT)
    text = table.read_text()
    for after, added in (
        ('    CONFIG_CHANGED = "config_changed"\n', '    NEW_KIND = "new_kind"\n'),
        ("\nSPECS = (\n", '    KindSpec(kind=Kind.NEW_KIND, fields=("seq",)),\n'),
    ):
        assert text.count(after) == 1
        text = text.replace(after, after + added)
    table.write_text(text)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", WITH_A_NEW_KIND], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    # /metrics has it as a finding, as an accepted finding and as the newest one; the page in two tables and a link; the JSON has a
    # total and the finding.
    assert ended.stdout == "[3, 3, 2, 1]\n"
