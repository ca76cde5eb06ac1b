"""A web configuration file is read as Prometheus's exporters read it, or all its problems are reported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config.web import WebConfig, load_web
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
AUTH_TYPES = ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


def loaded(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yaml"
    file.write_text(text)
    return load_web(file)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    assert caught.value.source == str(folder / "web.yaml")
    return caught.value.problems


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n", "basic_auth_users: {}"])
def test_an_empty_file_configures_neither_tls_nor_users(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == WebConfig()


def test_paths_begin_at_the_folder_of_the_file_and_the_rest_has_the_defaults_of_the_format(tmp_path: Path) -> None:
    tls = loaded(tmp_path, "tls_server_config: {cert_file: tls/a.pem, key_file: /k.pem}").tls_server_config
    assert tls is not None
    assert (tls.cert_file, tls.key_file, tls.client_ca_file) == (str(tmp_path / "tls" / "a.pem"), "/k.pem", None)
    assert (tls.client_auth_type, tls.min_version, tls.max_version) == ("NoClientCert", "TLS12", "TLS13")


def test_the_keys_of_tls_and_users_are_read(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f"""
        tls_server_config:
          cert_file: a.pem
          key_file: k.pem
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: ca.pem
          client_allowed_sans: [prometheus.example]
          min_version: TLS13
        basic_auth_users:
          prometheus: {HASH}
        """,
    )
    assert config.tls_server_config is not None
    assert config.tls_server_config.client_allowed_sans == ("prometheus.example",)
    assert config.basic_auth_users == {"prometheus": HASH}


def test_every_problem_is_reported_at_once_each_with_its_path(tmp_path: Path) -> None:
    text = f"""
        tls_server_config: {{cert_fil: a, key_file: 1, min_version: TLS10, client_auth_type: RequestClientCert,
            cipher_suites: []}}
        basic_auth_users: {{a: secret, b: $2y$17${HASH[7:]}, "c:d": {HASH}, e: 5}}
        http_server_config: {{http2: false}}
        http_server_config: {{http2: true}}
    """
    assert sorted(problems(tmp_path, text)) == [
        "basic_auth_users.a: is not a bcrypt hash (htpasswd -nBC 10 NAME prints one)",
        "basic_auth_users.b: has a cost above 16: a connection ends before it is checked",
        "basic_auth_users.e: expected text, found a whole number",
        'basic_auth_users: "c:d" cannot be the name of a user: it is empty or has a colon',
        "http_server_config: is not supported by the auditor: remove it",
        "line 6: the key http_server_config is repeated",
        'tls_server_config.cert_fil: unknown key (did you mean "cert_file"?)',
        "tls_server_config.cert_file: is required",
        "tls_server_config.cipher_suites: is not supported by the auditor: remove it",
        f"tls_server_config.client_auth_type: must be one of {', '.join(map(repr, AUTH_TYPES))}",
        "tls_server_config.key_file: expected text, found a whole number",
        "tls_server_config.min_version: must be one of 'TLS12', 'TLS13'",
    ]


@pytest.mark.parametrize(
    ("tls", "problem"),
    [
        ("client_auth_type: VerifyClientCertIfGiven", "client_auth_type: needs client_ca_file, too"),
        ("client_ca_file: c", "client_ca_file: needs client_auth_type: VerifyClientCertIfGiven or RequireAnd"),
        ("client_allowed_sans: [a]", "client_allowed_sans: needs client_auth_type: VerifyClientCertIfGiven or"),
        ("min_version: TLS13, max_version: TLS12", "min_version: is above max_version"),
    ],
)
def test_settings_of_tls_that_contradict_each_other_are_reported(tmp_path: Path, tls: str, problem: str) -> None:
    (only,) = problems(tmp_path, f"tls_server_config: {{cert_file: a, key_file: k, {tls}}}")
    assert only.startswith(f"tls_server_config.{problem}")


@pytest.mark.parametrize("text", ["[]", "text", "5"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ["must be a mapping with the keys tls_server_config and basic_auth_users"]


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.yaml: cannot be read"):
        load_web(tmp_path / "web.yaml")


def test_a_problem_never_shows_a_hash(tmp_path: Path) -> None:
    assert HASH[8:] not in str(problems(tmp_path, f"basic_auth_users: {{a: {HASH}x, b: [{HASH}]}}"))
