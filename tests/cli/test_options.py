"""The audits that `--audit` names."""

from __future__ import annotations

import pytest

from auditor.cli.options import select_audits
from auditor.config import AuditConfig, Config
from auditor.errors import NotFoundError

CONFIG = Config(audits=tuple(AuditConfig(name=name, stream="S") for name in ("one", "two", "three")))


@pytest.mark.parametrize(
    ("names", "selected"),
    [([], ["one", "two", "three"]), (["two"], ["two"]), (["three", "one", "three"], ["one", "three"])],
)
def test_named_audits_are_selected_once_in_the_order_of_the_configuration(
    names: list[str], selected: list[str]
) -> None:
    assert [audit.name for audit in select_audits(CONFIG, names)] == selected


def test_an_unknown_name_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(NotFoundError, match='no audit "four" in the configuration: it has one, two, three'):
        select_audits(CONFIG, ["one", "four"])
