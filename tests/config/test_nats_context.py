"""Contexts of the nats command line tool become settings of the section nats, as the tool reads them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.config import parse
from auditor.config.nats_context import context_path, read_context, settings_of, with_variables
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

HOME = {"HOME": "/users/a", "TEAM": "orders"}


def settings(**keys: Any) -> dict[str, Any]:
    return settings_of({"description": "", "user": "", **keys}, "context x", HOME)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"url": "nats://a:4222, nats://b"}, {"servers": ("nats://a:4222", "nats://b")}),
        ({"user": "u", "password": "p", "creds": "x"}, {"user": "u", "password": "p"}),
        ({"user": "t"}, {"token": "t"}),
        ({"token": "env://T"}, {"token_file": "env://T"}),
        ({"user": "u", "password": "file://~/p"}, {"user": "u", "password_file": "/users/a/p"}),
        ({"creds": "~/$TEAM.creds", "nkey": "n"}, {"credentials_file": "/users/a/orders.creds"}),
        ({"creds": "data:;base64,eA=="}, {"credentials_file": "data:;base64,eA=="}),
        ({"nkey": "/etc/${TEAM}.nk"}, {"nkey_seed_file": "/etc/orders.nk"}),
        ({"ca": "ca.pem", "cert": "c.pem"}, {"tls": {"ca_file": "ca.pem"}}),
        (
            {"cert": "c", "key": "k", "tls_first": True},
            {"tls": {"handshake_first": True, "cert_file": "c", "key_file": "k"}},
        ),
        ({"jetstream_domain": "hub", "inbox_prefix": ""}, {"jetstream_domain": "hub"}),
    ],
)
def test_each_key_becomes_the_setting_that_means_the_same(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    assert settings(**keys) == expected


def test_a_jwt_and_a_seed_become_credentials_without_a_file() -> None:
    reference = settings(user_jwt="j.w.t", user_seed="SUA")["credentials_file"]
    text = base64.b64decode(reference.removeprefix("data:;base64,")).decode()
    assert text.splitlines()[1::3] == ["j.w.t", "SUA"]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"creds": "op://vault/item"}, "creds: op:// runs a program, which the auditor does not"),
        ({"nsc": "nsc://o/a/u"}, "nsc: the auditor has no such setting"),
        ({"oidc": {"a": 1}}, "oidc: the auditor has no such setting"),
        ({"socks_proxy": "socks5://a"}, "socks_proxy: the auditor has no such setting"),
        ({"url": 5}, "url: must be text"),
    ],
)
def test_what_the_auditor_does_not_have_is_refused_by_name(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**keys)
    assert [each.startswith(problem) for each in caught.value.problems] == [True]


def test_variables_replace_keys_and_credentials_replace_all_credentials_of_the_context() -> None:
    keys = {"url": "nats://a", "user": "u", "password": "p", "ca": "c"}
    assert with_variables(keys, {"NATS_URL": "nats://b", "NATS_CREDS": ""}) == {**keys, "url": "nats://b"}
    assert with_variables(keys, {"NATS_CREDS": "f"}) == {"url": "nats://a", "ca": "c", "creds": "f"}


def test_a_context_is_a_file_of_its_name_or_an_absolute_path(tmp_path: Path) -> None:
    assert str(context_path("prod", HOME)) == "/users/a/.config/nats/context/prod.json"
    assert str(context_path("prod", {"XDG_CONFIG_HOME": "/x"})) == "/x/nats/context/prod.json"
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"url": "nats://a"}))
    assert read_context(str(path), HOME) == {"url": "nats://a"}


@pytest.mark.parametrize(("name", "text"), [("../x", None), ("", None), ("absent", None), ("bad", "{"), ("list", "[]")])
def test_a_context_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str | None) -> None:
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / f"{name}.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_context(name, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert caught.value.source == f"context {name}"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ("nats://a", "u", "hub", "ca.pem", None)),
        (", token: t", ("nats://a", None, "hub", "ca.pem", None)),
        (", jetstream_api_prefix: JS.A", ("nats://a", "u", None, "ca.pem", None)),
        (", servers: ['nats://b'], tls: {server_name: n}", ("nats://b", "u", "hub", "ca.pem", "n")),
    ],
)
def test_what_a_configuration_sets_itself_replaces_what_its_context_has(
    tmp_path: Path, more: str, expected: object
) -> None:
    context = tmp_path / "c.json"
    keys = {"url": "nats://a", "user": "u", "password": "p", "jetstream_domain": "hub", "ca": "ca.pem"}
    context.write_text(json.dumps(keys))
    text = f"nats: {{context: {context}{more}}}\naudits: [{{name: a, stream: S}}]"
    nats = parse(text, "f.yaml", {}).nats
    found = (nats.servers[0], nats.user, nats.jetstream_domain, nats.tls.ca_file, nats.tls.server_name)
    assert found == expected
