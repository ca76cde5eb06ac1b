"""The audits that `--audit` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli import options
from auditor.cli.options import find_config, select_audits
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


def test_the_configuration_file_is_that_of_the_variable_else_the_first_that_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, etc = tmp_path / "auditor.yaml", tmp_path / "etc.yaml"
    monkeypatch.setattr(options, "SEARCHED", (here, etc))
    assert find_config({"AUDITOR_CONFIG": "other.yaml"}) == Path("other.yaml")
    with pytest.raises(NotFoundError, match="give --config F, or one of AUDITOR_CONFIG"):
        find_config({"AUDITOR_CONFIG": ""})
    etc.touch()
    assert find_config({}) == etc
    here.touch()
    assert find_config({}) == here
