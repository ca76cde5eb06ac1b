"""The dashboard asks what is exported, and shows it in three rows."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

from tests.service.test_metrics import CONTRACT

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json").read_text())
PANELS = DASHBOARD["panels"]


def test_it_has_a_row_for_each_question_and_every_panel_is_below_one() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == ["Is anything corrupt?", "Is everything being looked at?", "What does it cost?"]
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
    assert variables == {"datasource": "datasource", "audit": "query"}
    exported = {
        f"aether_auditor_{name}{'_total' if kind == 'counter' else '_bucket' if kind == 'histogram' else ''}"
        for name, (kind, _) in CONTRACT.items()
    }
    for panel in PANELS:
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"aether_auditor_\w+", target["expr"])) <= exported
