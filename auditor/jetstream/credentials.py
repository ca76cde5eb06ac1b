"""What proves to a NATS server who we are, and how its certificate is checked.

Files are read again for every connection, so that rotated ones are found. They are checked first, because nats-py
would read for ever in a credentials file without a JWT.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nkeys  # type: ignore[import-untyped]  # it ships no types

from auditor.errors import ConnectionFailedError

if TYPE_CHECKING:
    from auditor.config import NatsConfig

JWT = re.compile(rb"BEGIN NATS USER JWT-*\r?\n\S+\r?\n")
SEED = re.compile(rb"BEGIN USER NKEY SEED-*\r?\n(\S+)\r?\n")


def credentials(config: NatsConfig) -> dict[str, Any]:
    """nats-py's options of `connect` for the credentials that are configured."""
    options = {
        "user": config.user,
        "password": config.password,
        "token": config.token,
        "user_credentials": config.credentials_file and str(config.credentials_file),
        "nkeys_seed": config.nkey_seed_file and str(config.nkey_seed_file),
    }
    return {name: value for name, value in options.items() if value is not None}


def check_files(config: NatsConfig) -> None:
    """Raises ConnectionFailedError if a file of credentials is missing or not what it should be."""
    if config.credentials_file is not None:
        text = _read("nats.credentials_file", config.credentials_file)
        seed = SEED.search(text)
        if not JWT.search(text) or seed is None:
            raise ConnectionFailedError(
                f"nats.credentials_file {config.credentials_file} holds no user JWT with its seed:"
                " it must be a .creds file as nsc writes it"
            )
        _check_seed("nats.credentials_file", config.credentials_file, seed[1])
    if config.nkey_seed_file is not None:
        seed_text = _read("nats.nkey_seed_file", config.nkey_seed_file).strip()
        _check_seed("nats.nkey_seed_file", config.nkey_seed_file, seed_text)


def wants_tls(config: NatsConfig) -> bool:
    """Whether a connection without TLS must be refused."""
    tls = config.tls
    return bool(tls.ca_file or tls.cert_file) or any(server.startswith("tls://") for server in config.servers)


def tls_context(config: NatsConfig) -> ssl.SSLContext:
    """How to check the server, and what to show it. Raises ConnectionFailedError."""
    tls = config.tls
    for name, path in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if path is not None:
            _read(f"nats.tls.{name}", path)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError as error:
        raise ConnectionFailedError(f"nats.tls.ca_file {tls.ca_file} holds no certificate: {error.reason}") from error
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")  # never ask on a terminal
        except (ssl.SSLError, OSError) as error:
            raise ConnectionFailedError(
                f"nats.tls.cert_file {tls.cert_file} and key_file {tls.key_file} are not a certificate and its"
                f" unencrypted key: {getattr(error, 'reason', None) or error}"
            ) from error
    return context


def _read(option: str, path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConnectionFailedError(f"{option} {path} cannot be read: {error.strerror}") from error


def _check_seed(option: str, path: str | Path, seed: bytes) -> None:
    try:
        nkeys.from_seed(bytearray(seed)).wipe()
    except (nkeys.NkeysError, ValueError) as error:
        raise ConnectionFailedError(f"{option} {path} holds no valid nkey seed") from error
