"""Reads a context of the nats command line tool, and turns it into settings of the section `nats`.

The tool's variables, such as NATS_URL, are read here, too.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.bounded_file import read_bounded
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILE_BYTES = 1 << 20
"""The longest context that is read."""
VARIABLES = {
    "NATS_URL": "url",
    "NATS_USER": "user",
    "NATS_PASSWORD": "password",
    "NATS_TOKEN": "token",
    "NATS_CREDS": "creds",
    "NATS_NKEY": "nkey",
    "NATS_JWT": "user_jwt",
    "NATS_SEED": "user_seed",
    "NATS_CERT": "cert",
    "NATS_KEY": "key",
    "NATS_CA": "ca",
    "NATS_SOCKS_PROXY": "socks_proxy",
}
"""Environment variables of the tool, and the key of a context that each replaces."""
CREDENTIALS = frozenset({"user", "password", "token", "creds", "nkey", "user_jwt", "user_seed"})
"""Keys that identify the user. One that is given elsewhere replaces all of those of a context."""
CREDENTIAL_SETTINGS = frozenset(
    {"user", "password", "password_file", "token", "token_file", "credentials_file", "nkey_seed_file"}
)
"""Settings of the section `nats` that identify the user."""
REFUSED = (
    "nsc",
    "oidc",
    "socks_proxy",
    "windows_cert_store",
    "windows_cert_match_by",
    "windows_cert_match",
    "windows_ca_certs_match",
)
"""Keys without which the context would not connect as the tool does, and that the auditor does not have."""
RUN_A_PROGRAM = ("op://", "nsc://")
"""References for which the tool runs a program."""
REFERENCES = ("env://", "data:")
"""References to a value, which every connection resolves again."""


def with_variables(keys: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of a context as the variables of the tool change them. Credentials replace all those of the context."""
    return with_others(keys, {key: environ[variable] for variable, key in VARIABLES.items() if environ.get(variable)})


def with_others(keys: Mapping[str, Any], others: Mapping[str, str]) -> dict[str, Any]:
    """Return `keys` with `others` in their place. Credentials in `others` replace all those in `keys`."""
    dropped = CREDENTIALS if CREDENTIALS & set(others) else frozenset()
    return {**{key: value for key, value in keys.items() if key not in dropped}, **others}


def context_path(name: str, environ: Mapping[str, str]) -> Path:
    """Return the file of a context: of its name, or of an absolute path that ends in .json. Raises ConfigError."""
    if Path(name).is_absolute() and name.endswith(".json"):
        return Path(name)
    if not name or ".." in name or "/" in name or "\\" in name:
        raise ConfigError(f"context {name}", ["is not the name of a context (no .., / or \\)"])
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path(base) / "nats" / "context" / f"{name}.json"


def read_context(name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of the context `name`. Raises ConfigError."""
    return _read(context_path(name, environ), name)


def with_context(tree: Mapping[str, Any], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a configuration in whose section `nats` the settings of the context that it names are entered.

    What the section has itself stays. Credentials in it replace all those of the context. Raises ConfigError.
    """
    nats = tree.get("nats")
    name = nats.get("context") if isinstance(nats, dict) else None
    if not isinstance(nats, dict) or not isinstance(name, str):
        return tree
    found = settings_of(read_context(name, environ), f"context {name}", environ)
    given = {key: value for key, value in nats.items() if value is not None}
    if CREDENTIAL_SETTINGS & set(given):
        found = {key: value for key, value in found.items() if key not in CREDENTIAL_SETTINGS}
    if {"jetstream_domain", "jetstream_api_prefix"} & set(given):
        found = {key: value for key, value in found.items() if not key.startswith("jetstream_")}
    if isinstance(given.get("tls"), dict):
        set_here = {key: value for key, value in given["tls"].items() if value is not None}
        given["tls"] = {**found.get("tls", {}), **set_here}
    return {**tree, "nats": {**found, **given}}


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        keys = json.loads(read_bounded(path, MAX_FILE_BYTES))
    except OSError as error:
        raise ConfigError(f"context {name}", [f"{path} cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"context {name}", [f"{path} is not JSON: {error}"]) from error
    if not isinstance(keys, dict):
        raise ConfigError(f"context {name}", [f"{path} is not a JSON object"])
    return keys


def settings_of(keys: Mapping[str, Any], source: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the section `nats` that the keys of a context mean. Raises ConfigError for `source`."""
    problems = [f"{key}: the auditor has no such setting: use another context" for key in REFUSED if keys.get(key)]
    problems += [f"{key}: must be text" for key, value in keys.items() if key in TEXTS and not isinstance(value, str)]
    texts = {key: value for key, value in keys.items() if key in TEXTS and isinstance(value, str) and value}
    problems += [
        f"{key}: {value.partition(':')[0]}:// runs a program, which the auditor does not: use a file, env:// or data:"
        for key, value in texts.items()
        if value.startswith(RUN_A_PROGRAM)
    ]
    if problems:
        raise ConfigError(source, problems)
    settings = _credentials(texts, environ)
    if "url" in texts:
        settings["servers"] = tuple(url.strip() for url in texts["url"].split(",") if url.strip())
    tls = {"ca_file": _path(texts.get("ca"), environ), "handshake_first": keys.get("tls_first") is True or None}
    if texts.get("key"):
        tls |= {"cert_file": _path(texts.get("cert"), environ), "key_file": _path(texts["key"], environ)}
    tls = {name: value for name, value in tls.items() if value is not None}
    if tls:
        settings["tls"] = tls
    for key in ("jetstream_domain", "jetstream_api_prefix", "inbox_prefix"):
        if key in texts:
            settings[key] = texts[key]
    return settings


TEXTS = frozenset(
    {
        *VARIABLES.values(),
        "jetstream_domain",
        "jetstream_api_prefix",
        "inbox_prefix",
    }
)
"""Keys whose value is text."""


def _credentials(texts: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the first kind of credentials, in the order of the tool."""
    settings: dict[str, Any] = {}
    if "user" in texts and "password" in texts:
        settings |= {"user": texts["user"], **_secret("password", texts["password"], environ)}
    elif "user" in texts:  # the tool takes a user without a password for a token
        settings |= _secret("token", texts["user"], environ)
    elif "creds" in texts:
        settings["credentials_file"] = _path(texts["creds"], environ)
    elif "nkey" in texts:
        settings["nkey_seed_file"] = _path(texts["nkey"], environ)
    elif "user_jwt" in texts and "user_seed" in texts:
        jwt, seed = texts["user_jwt"], texts["user_seed"]
        text = f"-----BEGIN NATS USER JWT-----\n{jwt}\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n"
        settings["credentials_file"] = f"data:;base64,{base64.b64encode(text.encode()).decode()}"
    if "token" in texts and "user" not in texts:
        settings |= _secret("token", texts["token"], environ)
    return settings


def _secret(name: str, value: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The setting of a password or token, or of its file if the value is a reference."""
    if value.startswith((*REFERENCES, "file://")):
        return {f"{name}_file": str(_path(value, environ))}
    return {name: value}


def _path(value: str | None, environ: Mapping[str, str]) -> str | None:
    """The path of a file with variables and ~ expanded; a reference to a value unchanged."""
    if not value or value.startswith(REFERENCES):
        return value or None
    path = value.removeprefix("file://")
    for name in sorted(environ, key=len, reverse=True):
        path = path.replace(f"${{{name}}}", environ[name]).replace(f"${name}", environ[name])
    if path.startswith("~/"):
        path = f"{environ.get('HOME', '~')}{path[1:]}"
    return path
