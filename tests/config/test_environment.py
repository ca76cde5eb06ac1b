"""Environment variables in scalars are replaced."""

from __future__ import annotations

import pytest

from auditor.config import parse
from auditor.config.environment import substitute
from auditor.config.values import FromEnvironment


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("${NONE:-a:b#c}", "a:b#c"),
        ("$${A}", "${A}"),
        ("$A", "$A"),
    ],
)
def test_a_variable_becomes_its_value_or_its_default(text: str, result: str) -> None:
    problems: list[tuple[str, str]] = []
    assert substitute({"k": [text]}, {"A": "1", "EMPTY": ""}, problems) == {"k": (result,)}
    assert problems == []


@pytest.mark.parametrize("text", ["${NONE}", "${", "${}", "${a b}", "${A"])
def test_a_variable_that_cannot_be_replaced_is_a_problem_at_its_path(text: str) -> None:
    problems: list[tuple[str, str]] = []
    substitute({"k": ["", text]}, {"A": "1"}, problems)
    assert [path for path, _ in problems] == ["k[1]"]


def test_a_value_takes_the_type_of_its_setting() -> None:
    text = """
        nats: {user: u, password: "${NUMBER}"}
        audits: [{name: a, stream: S, max_rate: "${NUMBER}", snapshots: "${SWITCH}", full_pass_every: "${SPAN}"}]
    """
    config = parse(text, "f.yaml", {"NUMBER": "007", "SWITCH": "False", "SPAN": "2h"})
    (audit,) = config.audits
    assert (config.nats.password, audit.max_rate, audit.snapshots) == ("007", 7, False)
    assert audit.full_pass_every.seconds == 7200
    assert type(config.nats.password) is str


def test_a_value_cannot_break_out_of_its_scalar() -> None:
    config = parse('audits: [{name: a, stream: S, actor_types: ["${T}"]}]', "f.yaml", {"T": "x\n- y: [&"})
    assert config.audits[0].actor_types == ("x\n- y: [&",)
    assert isinstance(FromEnvironment("x"), str)
