"""Makes the TLS context of the HTTP server from its configuration."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from auditor.bounded_file import read_bounded
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.config.web import TlsServerConfig

MAX_FILE_BYTES = 1 << 20
"""The longest file of certificates that is read."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def server_context(config: TlsServerConfig, source: str) -> ssl.SSLContext:
    """Return the context of new connections. Raises ConfigError, which names `source`, for an unusable file.

    A client need not present a certificate in the handshake, because the health checks have none. If it presents one, it
    must be signed by a CA of `client_ca_file`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    context.maximum_version = _VERSIONS[config.max_version]
    for name in ("cert_file", "key_file", "client_ca_file"):
        if (file := getattr(config, name)) is not None:
            try:
                read_bounded(file, MAX_FILE_BYTES)
            except OSError as error:
                raise ConfigError(
                    source, [f"tls_server_config.{name}: {file} cannot be read: {error.strerror}"]
                ) from error
    try:
        # With no password, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(config.cert_file, config.key_file, password="")
    except OSError as error:  # ssl.SSLError is one
        pair = f"{config.cert_file} and {config.key_file} are not a certificate and its unencrypted key"
        raise ConfigError(source, [f"tls_server_config.cert_file: {pair} ({_reason(error)})"]) from error
    if config.client_ca_file is not None:
        try:
            context.load_verify_locations(cafile=config.client_ca_file)
        except OSError as error:
            problem = f"{config.client_ca_file} holds no CA certificate ({_reason(error)})"
            raise ConfigError(source, [f"tls_server_config.client_ca_file: {problem}"]) from error
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def alternative_names(certificate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the subject alternative names of a client's certificate, as `SSLSocket.getpeercert` returns it."""
    for kind, name in certificate.get("subjectAltName", ()):
        yield str(ip_address(name)) if kind == "IP Address" else name


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
