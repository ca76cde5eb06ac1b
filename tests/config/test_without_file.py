"""Options and the environment make the configuration of one audit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor.config.without_file import Look, audit_name, config_of
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_server_and_a_stream_are_enough() -> None:
    config = config_of(Look("ORDERS", server="nats://a:4222"), {})
    assert (config.nats.servers, config.nats.user) == (("nats://a:4222",), None)
    assert [(audit.name, audit.stream) for audit in config.audits] == [("orders", "ORDERS")]
    assert config_of(Look("ORDERS"), {}).nats.servers == ("nats://127.0.0.1:4222",)


def test_an_option_replaces_a_variable_and_a_variable_a_key_of_the_context(tmp_path: Path) -> None:
    context = tmp_path / "c.json"
    context.write_text(json.dumps({"url": "nats://a", "user": "u", "password": "p", "jetstream_domain": "hub"}))
    environ = {"NATS_CONTEXT": str(context), "NATS_URL": "nats://b"}
    nats = config_of(Look("ORDERS"), environ).nats
    assert (nats.servers, nats.user, nats.jetstream_domain) == (("nats://b",), "u", "hub")
    look = Look("ORDERS", context=str(context), server="nats://c", creds="/x.creds", subject_prefix="shop")
    config = config_of(look, {"NATS_URL": "nats://b"})
    assert (config.nats.servers, config.nats.user, config.nats.credentials_file) == (("nats://c",), None, "/x.creds")
    assert config.audits[0].all_subjects == ("shop.events.>", "shop.snapshots.>")


def test_a_wrong_option_is_a_problem_with_its_path() -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(Look("a.b", server="here"), {})
    assert caught.value.source == "options"
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["nats.servers[0]", "audits[0].stream"]


def test_the_name_of_the_audit_is_that_of_the_stream_in_lower_case() -> None:
    assert [audit_name("ORDERS_EU"), audit_name("Ü"), len(audit_name("A" * 200))] == ["orders-eu", "-", 64]
