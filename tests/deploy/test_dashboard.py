"""The dashboard queries exported metrics only, and shows them in three rows."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.needs import need
from tests.service.test_metrics import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
PANELS = DASHBOARD["panels"]


def test_it_has_a_row_for_each_question_and_every_panel_is_below_one() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == ["Is anything corrupt?", "Is everything audited?", "What does it cost?"]
    assert PANELS[0]["type"] == "row"
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_no_panel_covers_another() -> None:
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y


def test_every_query_goes_to_the_chosen_data_source_and_names_what_is_exported() -> None:
    """That none is empty is seen on a real Prometheus, in test_alerting.py."""
    variables = {variable["name"]: variable["type"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {
        "datasource": "datasource",
        "namespace": "query",
        "job": "query",
        "audit": "query",
        "auditor": "textbox",
    }
    exported = {
        f"aether_auditor_{name}{'_total' if kind == 'counter' else '_bucket' if kind == 'histogram' else ''}"
        for name, (kind, _) in CONTRACT.items()
    }
    for panel in PANELS:
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"aether_auditor_\w+", target["expr"])) <= exported


def test_every_query_about_audits_is_limited_to_what_is_chosen() -> None:
    queries = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    for expr in [*queries, *(each["expr"] for each in DASHBOARD["annotations"]["list"])]:
        for metric, selector in re.findall(r"(aether_auditor_\w+)(\{[^}]*\})?", expr):
            assert '{namespace=~"$namespace", job=~"$job"' in selector, expr
            assert ('audit=~"$audit"' in selector) is ("audit" in labels(metric)), expr


def labels(metric: str) -> set[str]:
    name = metric.removeprefix("aether_auditor_")
    return CONTRACT[name if name in CONTRACT else name.rpartition("_")[0]][1]


def test_every_panel_has_links_to_the_page_and_to_documents_that_exist() -> None:
    for panel in PANELS:
        if panel["type"] != "row":
            page, document = (link["url"].removeprefix("${auditor}/") for link in panel["links"])
            assert page == ""
            assert (ROOT / document).is_file()


def refusal(dashboard: dict[str, Any], folder: Path) -> str:
    """What TypeScript has against a dashboard of the types that Grafana publishes; empty if nothing."""
    modules = ROOT / ".venv" / "grafana" / "node_modules"
    need(None if modules.exists() else "Grafana's types are not installed: make .venv/grafana.stamp")
    types = modules / "@grafana" / "schema" / "dist" / "types" / "raw"
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    dashboard = copy.deepcopy(dashboard)
    for annotation in dashboard["annotations"]["list"]:
        for name in ("expr", "titleFormat"):  # Prometheus's own, which the types of a dashboard do not have
            del annotation[name]
    lines = [
        f'import type {{ Dashboard }} from "{types}/dashboard/x/types.gen";',
        *(
            f'import type * as {name} from "{types}/composable/{name}/panelcfg/x/types.gen";'
            for name in sorted({panel["type"] for panel in panels})
        ),
        "// JSON has the values of an enumeration's members.",
        "type Written<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;",
        f"export const dashboard: Written<Dashboard> = {json.dumps(dashboard)};",
        *(
            f"export const options_{panel['id']}: Written<Partial<{panel['type']}.Options>> = {json.dumps(panel['options'])};"
            for panel in panels
        ),
    ]
    source = folder / "dashboard.ts"
    source.write_text("\n".join(lines))
    options = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
    command = (ROOT / ".venv" / "bin" / "node", modules / "typescript" / "bin" / "tsc", *options, source)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode == 0) is (ended.stdout == ""), ended.stderr
    return ended.stdout


def test_it_is_of_the_types_that_grafana_publishes(tmp_path: Path) -> None:
    assert refusal(DASHBOARD, tmp_path) == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda dashboard: dashboard.update(refreshh="1m"), "refreshh"),
        (lambda dashboard: dashboard["panels"][1].update(titel="x"), "titel"),
        (lambda dashboard: dashboard["panels"][1].update(title=1), "'number' is not assignable to type 'string'"),
        (lambda dashboard: dashboard["panels"][1]["fieldConfig"]["defaults"]["color"].update(mode="red"), '"red"'),
        (lambda dashboard: dashboard["panels"][1]["options"].update(colorMode="loud"), '"loud"'),
        (lambda dashboard: dashboard["panels"][1]["options"].update(colourMode="none"), "colourMode"),
    ],
)
def test_what_is_not_of_these_types_is_refused(
    damage: Callable[[dict[str, Any]], None], said: str, tmp_path: Path
) -> None:
    dashboard = copy.deepcopy(DASHBOARD)
    damage(dashboard)
    assert said in refusal(dashboard, tmp_path)
