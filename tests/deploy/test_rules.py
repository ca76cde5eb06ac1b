"""Every alert has tested cases, gives numbers, and links to an existing section of the docs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client import generate_latest

from auditor.core.model.findings import Kind
from auditor.service.metrics import registry
from tests.core.reports import report
from tests.deploy.conftest import needed
from tests.service.statuses import status

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
}
TESTS = yaml.safe_load((FOLDER / "rules_test.yaml").read_text())
CASES = [check for case in TESTS["tests"] for check in case["alert_rule_test"]]
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
    if not expr.startswith("count by (namespace, job) ("):  # which drops the labels of targets
        assert not re.search(r"\b(pod|instance|container|endpoint)\b", expr)
    for metric in re.finditer(r"aether_auditor_\w+", expr):
        # Each is inside an aggregation, or of absent, which has no labels.
        before = expr[: metric.start()]
        assert before.count("(") > before.count(")"), metric[0]


MUTATIONS: tuple[tuple[str, str], ...] = (
    (" > ", " < "),
    (" < ", " > "),
    (" == ", " != "),
    (" >= ", " < "),
    ("unless ", "and "),
    ("and on", "unless on"),
    ("and max", "unless max"),
    (" or ", " and "),
    ("\nor\n", "\nand\n"),
    ("sum by", "max by"),
    ("max by", "sum by"),
    ("min by", "sum by"),
    ("count by", "group by"),
    ("absent(", "present_over_time("),
    ("[1d]", "[5m]"),
    ("86400", "8640000"),
    ('severity="corruption"', 'severity!="corruption"'),
    ('mode="full"', 'mode="incremental"'),
    ('mode="incremental"', 'mode="full"'),
    ("kind!~", "kind=~"),
    ("kind=~", "kind!~"),
    ("kind=", "kind!="),
    ("verdict=", "verdict!="),
)
"""What a careless edit changes in an expression."""


def mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule that differs from `rule` by one mutation at one place, with a text that says which."""
    expr = rule["expr"]
    for old, new in MUTATIONS:
        for place, found in enumerate(re.finditer(re.escape(old), expr)):
            changed = expr[: found.start()] + new + expr[found.end() :]
            if (rule["alert"], old, place) not in EQUIVALENT:
                yield f"{rule['alert']}: place {place} of {old!r} is {new!r}", {**rule, "expr": changed}
    for field in ("for", "keep_firing_for"):
        if field in rule:
            yield f"{rule['alert']}: no {field}", {key: value for key, value in rule.items() if key != field}


EQUIVALENT = {
    # Only whether there is a sample matters.
    ("AetherAuditorDown", "count by", 1),
    ("AetherAuditMissing", "count by", 1),
    ("AetherAuditMissing", "count by", 2),
    ("AetherPassOverdue", "max by", 2),
    ("AetherFullPassOverdue", "max by", 1),
    # The sum of values of 0 and more is 0 where their maximum is.
    ("AetherNatsDisconnected", "max by", 0),
    ("AetherSelfTestFailed", "max by", 0),
    ("AetherReplicaStandsStill", "max by", 5),
    # Only one term of a difference or product is mutated, and the result is on the same side of the limit for every case.
    ("AetherCorruptionNotAccepted", "max by", 1),
    ("AetherReplicaStandsStill", "max by", 4),
    ("AetherPassesInconclusive", "sum by", 1),
    ("AetherUnauditedMessages", "max by", 2),
    ("AetherUnauditedMessages", "max by", 3),
    ("AetherUnauditedMessages", "min by", 0),
    ("AetherStreamWentBack", "[1d]", 1),
}
"""Mutants that no case tells from the rule: alert, mutated text, and which of its places."""


ADDED_UP = {"AetherAuditorDown", "AetherAuditorTargetDown", "AetherAuditMissing", "AetherPassesInconclusive"}
"""Alerts whose value is the sum or the number of targets: two pods double it."""


def write_test(folder: Path, name: str, rule: dict[str, Any]) -> None:
    """Write `rule` alone, and the cases of rules_test.yaml about it, as if two pods exported the series that it reads."""
    read = set(re.findall(r"aether_auditor_\w+|\bup\b", rule["expr"]))

    def series(case: dict[str, Any]) -> list[dict[str, str]]:
        mine = [each for each in case["input_series"] if each["series"].partition("{")[0] in read]
        if rule["alert"] in ADDED_UP:
            return mine
        return mine + [{**each, "series": each["series"].replace("{", '{twin="1",')} for each in mine]

    cases = [
        {**case, "input_series": series(case), "alert_rule_test": checks}
        for case in TESTS["tests"]
        if (checks := [check for check in case["alert_rule_test"] if check["alertname"] == rule["alert"]])
    ]
    rules = {"groups": [{"name": "mutant", "rules": [rule]}]}
    (folder / f"{name}-rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / f"{name}.yaml").write_text(
        yaml.safe_dump({**TESTS, "rule_files": [f"{name}-rules.yaml"], "tests": cases})
    )


def test_every_mutant_of_a_rule_fails_a_case(tmp_path: Path) -> None:
    named = dict(enumerate(mutant for rule in RULES.values() for mutant in mutants(rule)))
    for number, (_, rule) in named.items():
        write_test(tmp_path, str(number), rule)
    command = [needed("promtool"), "test", "rules", *(f"{number}.yaml" for number in named)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ended.stdout.count("Unit Testing:") == len(named)
    survivors = re.findall(r"Unit Testing:  (\d+)\.yaml\n  SUCCESS", ended.stdout)
    assert [named[int(number)][0] for number in survivors] == []


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
