"""Reads the web configuration file: TLS and logins of the HTTP server, in the format of Prometheus's exporter-toolkit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from auditor.config.load import read_text, read_tree, validated
from auditor.config.models import File, Section
from auditor.config.rules import Problem, mapping
from auditor.config.values import quoted
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_COST = 16
"""The highest cost of a bcrypt hash. Checking one of cost 17 takes longer than a connection lives."""

UNSUPPORTED = (
    "http_server_config",
    "rate_limit",
    "tls_server_config.cert",
    "tls_server_config.key",
    "tls_server_config.client_ca",
    "tls_server_config.cipher_suites",
    "tls_server_config.curve_preferences",
    "tls_server_config.prefer_server_cipher_suites",
)
"""Keys of the format that the auditor does not support."""

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_VERIFYING = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


def _password_hash(text: str) -> str:
    found = _HASH.fullmatch(text)
    if found is None or int(found[1]) < 4:
        raise ValueError("is not a bcrypt hash (htpasswd -nBC 10 NAME prints one)")
    if int(found[1]) > MAX_COST:
        raise ValueError(f"has a cost above {MAX_COST}: a connection ends before it is checked")
    return text


def _entries(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class TlsServerConfig(Section):
    """The certificate of the HTTP server, and which certificates of clients it demands."""

    cert_file: File
    """The server's certificate, followed by those of intermediate CAs."""
    key_file: File
    """The unencrypted private key of `cert_file`."""
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    """Whether a client must present a certificate. The health checks never need one."""
    client_ca_file: File | None = None
    """The CA certificates that sign the certificates of clients."""
    client_allowed_sans: Annotated[tuple[str, ...], BeforeValidator(_entries)] = ()
    """If given, a client's certificate must have one of these subject alternative names."""
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    """The lowest version of TLS that is accepted."""
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    """The highest version of TLS that is offered."""


class WebConfig(Section):
    """The whole web configuration file. Without TLS and users, everyone may read everything over HTTP."""

    tls_server_config: TlsServerConfig | None = None
    """If given, only HTTPS is served."""
    basic_auth_users: dict[str, Annotated[str, AfterValidator(_password_hash)]] = Field(default_factory=dict)
    """User names, with bcrypt hashes of their passwords."""


def load_web(path: Path) -> WebConfig:
    """Read the web configuration file at `path`. Relative paths in it begin at its folder. Raises ConfigError."""
    source = str(path)
    problems: list[Problem] = []
    tree = read_tree(read_text(path), source, problems)
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise ConfigError(source, ["must be a mapping with the keys tls_server_config and basic_auth_users"])
    sections = {"": tree, "tls_server_config": mapping(tree.get("tls_server_config"))}
    for name in UNSUPPORTED:
        section, _, key = name.rpartition(".")
        if key in sections[section]:
            problems.append((name, "is not supported by the auditor: remove it"))
    config = validated(WebConfig, tree, source, problems, _cross_field_problems(tree))
    tls = config.tls_server_config
    if tls is None:
        return config
    files = {name: getattr(tls, name) for name in ("cert_file", "key_file", "client_ca_file")}
    absolute = {name: str(path.parent / file) for name, file in files.items() if file is not None}
    return config.model_copy(update={"tls_server_config": tls.model_copy(update=absolute)})


def _cross_field_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of values that are valid one by one."""
    tls = mapping(tree.get("tls_server_config"))
    verifies = tls.get("client_auth_type") in _VERIFYING
    if verifies and tls.get("client_ca_file") is None:
        yield "tls_server_config.client_auth_type", "needs client_ca_file, too"
    for name in ("client_ca_file", "client_allowed_sans"):
        if not verifies and tls.get(name):
            yield f"tls_server_config.{name}", f"needs client_auth_type: {' or '.join(_VERIFYING)}"
    if (tls.get("min_version"), tls.get("max_version")) == ("TLS13", "TLS12"):
        yield "tls_server_config.min_version", "is above max_version"
    for name in mapping(tree.get("basic_auth_users")):
        if not name or ":" in name:
            yield "basic_auth_users", f"{quoted(name)} cannot be the name of a user: it is empty or has a colon"
