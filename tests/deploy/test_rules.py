"""Every alert has tested cases, gives numbers, and links to an existing section of the docs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from auditor.core.model.findings import Kind
from auditor.service.metrics import registry
from tests.core.reports import report
from tests.deploy.conftest import needed
from tests.service.statuses import status

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
}
CASES = [
    check
    for case in yaml.safe_load((FOLDER / "rules_test.yaml").read_text())["tests"]
    for check in case["alert_rule_test"]
]
KIND = "{{ $labels.kind }}"


def promtool(*arguments: str) -> str:
    ended = subprocess.run(
        [needed("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_promtool_accepts_the_rules_and_every_case_has_the_expected_alerts() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "rules.yaml")
    promtool("test", "rules", "rules_test.yaml")


@pytest.mark.parametrize("name", RULES)
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(name: str) -> None:
    mine = [bool(check["exp_alerts"]) for check in CASES if check["alertname"] == name]
    assert {True, False} == set(mine)


@pytest.mark.parametrize("name", RULES)
def test_every_alert_says_how_bad_it_is_and_what_it_is_with_numbers(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert "{{ $value" in rule["annotations"]["description"]


@pytest.mark.parametrize("name", RULES)
def test_every_runbook_url_leads_to_a_heading(name: str) -> None:
    url, expr = RULES[name]["annotations"]["runbook_url"], RULES[name]["expr"]
    kinds = [""]
    if KIND in url:
        ((how, pattern),) = set(re.findall(r'kind([=!]~)"([^"]+)"', expr))
        kinds = [kind for kind in Kind if bool(re.fullmatch(pattern, kind)) is (how == "=~")]
    assert kinds
    for kind in kinds:
        file, _, heading = (
            url.replace(KIND, kind).removeprefix("http://aether-auditor.aether-auditor.svc:9464/docs/").partition("#")
        )
        headings = re.findall(r"^## (.*)$", (ROOT / "docs" / file).read_text(), re.MULTILINE)
        assert heading in {each.lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("name", RULES)
def test_no_alert_depends_on_which_pod_it_is(name: str) -> None:
    expr = RULES[name]["expr"]
    assert not re.search(r"\b(pod|instance|container|endpoint)\b", expr)
    for metric in re.finditer(r"aether_auditor_\w+", expr):
        # Each is inside an aggregation, or of absent, which has no labels.
        before = expr[: metric.start()]
        assert before.count("(") > before.count(")"), metric[0]


def test_rules_name_only_metrics_that_are_exported() -> None:
    exported = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in registry(status()).collect()
    }
    named = {name for rule in RULES.values() for name in re.findall(r"aether_auditor_\w+", rule["expr"])}
    assert named - {"aether_auditor_build_info"} <= exported  # an info metric is collected by its short name


def test_what_is_exported_is_clean_to_promtool() -> None:
    service = status()
    service.selftest_ok = True
    service.audits["orders"].pass_completed(report(("S.events.order.order-1", b"{")))
    ended = subprocess.run(
        [needed("promtool"), "check", "metrics"],
        input=generate_latest(registry(service)),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
