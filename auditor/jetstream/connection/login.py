"""Gives a connection its servers, its user and its TLS settings.

Files are read again for every connection, so that changed credentials are used.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
from typing import TYPE_CHECKING, Any, Protocol

import nkeys  # type: ignore[import-untyped]  # it ships no types

from auditor.bounded_file import read_bounded
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection.jwt_expiry import JwtExpiry, jwt_expires_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.config import NatsConfig

JWT = re.compile(rb"BEGIN NATS USER JWT-*\r?\n(\S+)\r?\n")
USER_SEED = re.compile(rb"\bSU[A-Z2-7]{56}\b")
SEED = re.compile(rb"BEGIN USER NKEY SEED-*\r?\n(\S+)\r?\n")
MAX_FILE_BYTES = 1 << 20
"""The longest file of credentials or certificates that is read."""


class Login(Protocol):
    """The servers and the user of a connection."""

    @property
    def servers(self) -> Sequence[str]:
        """URLs of one cluster."""

    @property
    def inbox_prefix(self) -> str:
        """The user may subscribe to the subjects below it."""

    def options(self) -> dict[str, Any]:
        """Return the options of nats-py's `connect` that identify the user and concern TLS."""

    def public_nkey(self) -> str | None:
        """Return the public key of an nkey; None if the user has none. Raises ConnectionFailedError."""

    def jwt_expiry(self) -> JwtExpiry | None:
        """Return when the user's JWT expires; None if it does not, or if that is not known. Never raises."""

    def check(self) -> None:
        """Raise ConnectionFailedError if a file of credentials is missing or invalid."""

    def wants_tls(self) -> bool:
        """Return whether a connection without TLS must be refused."""

    def has_certificate(self) -> bool:
        """Return whether the client has a certificate."""

    def tls_context(self) -> ssl.SSLContext:
        """Return the context with the trusted CA and the client certificate. Raises ConnectionFailedError."""


class ConfiguredLogin:
    """The login of the section `nats` of the configuration file."""

    def __init__(self, config: NatsConfig) -> None:
        self.servers = config.servers
        self.inbox_prefix = config.inbox_prefix
        self._config = config

    def options(self) -> dict[str, Any]:
        config = self._config
        options: dict[str, Any] = {
            "user": config.user,
            "password": _value_or_file("password", config.password, config.password_file),
            "token": _value_or_file("token", config.token, config.token_file),
            "tls_hostname": config.tls.server_name,
            "tls_handshake_first": config.tls.handshake_first or None,
        }
        if config.nkey_seed_file is not None:  # nats-py reads the public key once
            seed_file = config.nkey_seed_file
            options["signature_cb"] = lambda nonce: base64.b64encode(_read_seed(seed_file).sign(nonce.encode()))
        if config.credentials_file is not None:
            # nats-py does not return from reading a file without a JWT, and fails on CRLF.
            path = config.credentials_file
            options["user_jwt_cb"] = lambda: _read_creds(path)[0]
            options["signature_cb"] = lambda nonce: base64.b64encode(_read_creds(path)[1].sign(nonce.encode()))
        return {name: value for name, value in options.items() if value is not None}

    def public_nkey(self) -> str | None:
        path = self._config.nkey_seed_file
        return None if path is None else _read_seed(path).public_key.decode()

    def jwt_expiry(self) -> JwtExpiry | None:
        path = self._config.credentials_file
        try:
            expires_s = None if path is None else jwt_expires_s(_read_creds(path)[0])
        except ConnectionFailedError:
            return None
        return None if path is None or expires_s is None else JwtExpiry(_shown(path), expires_s)

    def check(self) -> None:
        config = self._config
        if config.credentials_file is not None:
            _read_creds(config.credentials_file)
        if config.nkey_seed_file is not None:
            _read_seed(config.nkey_seed_file)
        for name, path in (("password_file", config.password_file), ("token_file", config.token_file)):
            if path is not None:
                _read_secret(name, path)

    def wants_tls(self) -> bool:
        tls = self._config.tls
        return bool(tls.ca_file or tls.cert_file or tls.handshake_first) or any(
            server.startswith("tls://") for server in self.servers
        )

    def has_certificate(self) -> bool:
        return self._config.tls.cert_file is not None

    def tls_context(self) -> ssl.SSLContext:
        tls = self._config.tls
        for name, path in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file), ("key_file", tls.key_file)):
            if path is not None:
                _read(f"nats.tls.{name}", path)
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
        except ssl.SSLError as error:
            raise ConnectionFailedError(
                f"nats.tls.ca_file {tls.ca_file} holds no certificate ({error.reason}): it must be a PEM file"
            ) from error
        if tls.cert_file is not None:
            try:
                context.load_cert_chain(
                    tls.cert_file, tls.key_file, password=""
                )  # with no password, OpenSSL would ask on the terminal
            except (ssl.SSLError, OSError) as error:
                raise ConnectionFailedError(
                    f"nats.tls.cert_file {tls.cert_file} and key_file {tls.key_file} are not a certificate and its"
                    f" unencrypted key: {getattr(error, 'reason', None) or error}"
                ) from error
        return context


def _read(option: str, path: str) -> bytes:
    """Return the content of the file at `path`, or of the variable or the text that it refers to."""
    if path.startswith("env://"):
        name = path.removeprefix("env://")
        if not os.environ.get(name):
            raise ConnectionFailedError(f"{option} {path} cannot be read: the environment variable {name} is not set")
        return os.environ[name].encode("utf-8", "surrogateescape")
    if path.startswith("data:"):
        try:
            return base64.b64decode(path.partition(",")[2], validate=True)
        except ValueError as error:
            raise ConnectionFailedError(f"{option} is not data:;base64,… ({error})") from error
    try:
        return read_bounded(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ConnectionFailedError(f"{option} {path} cannot be read: {error.strerror}") from error


def _shown(path: str) -> str:
    """The path for a message. Text that a reference holds is a secret and is not shown."""
    return "data:…" if path.startswith("data:") else path


def _read_creds(path: str) -> tuple[bytes, nkeys.KeyPair]:
    """Return the JWT and the key to which it was issued."""
    text = _read("nats.credentials_file", path)
    jwt, seed = JWT.search(text), SEED.search(text)
    if jwt is None or seed is None:
        raise ConnectionFailedError(
            f"nats.credentials_file {_shown(path)} holds no user JWT with its seed: it must be a .creds file as nsc writes it"
        )
    return jwt[1], _key_pair("nats.credentials_file", path, seed[1])


def _read_seed(path: str) -> nkeys.KeyPair:
    """Return the key of the first user seed in a file, which may have other text around it."""
    text = _read("nats.nkey_seed_file", path)
    found = USER_SEED.search(text)
    return _key_pair("nats.nkey_seed_file", path, found[0] if found else text.strip())


def _value_or_file(name: str, value: str | None, path: str | None) -> str | Callable[[], str] | None:
    """The value, or what returns the content of the file; nats-py calls it for every connection."""
    return value if path is None else lambda: _read_secret(f"{name}_file", path)


def _read_secret(name: str, path: str) -> str:
    """Return the text of a file without the line end after it."""
    data = _read(f"nats.{name}", path)
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ConnectionFailedError(f"nats.{name} {_shown(path)} is empty or not UTF-8 text")
    return text


def _key_pair(option: str, path: str, seed: bytes) -> nkeys.KeyPair:
    try:
        return nkeys.from_seed(bytearray(seed))
    except (nkeys.NkeysError, ValueError) as error:
        raise ConnectionFailedError(f"{option} {_shown(path)} holds no valid nkey seed") from error
