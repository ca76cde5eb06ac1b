"""Explains errors of a connection, with what to do."""

from __future__ import annotations

import asyncio
import re
import ssl
from urllib.parse import urlsplit

from nats import errors

from auditor.errors import PermissionDeniedError

CONSUMER = re.compile(r"^((?:[^.]+\.)+?CONSUMER\.(CREATE|INFO|MSG\.NEXT)\.[^.]+)\..*")
"""Subjects that end in the name of a consumer, which is new for every walk, and may then have its filter."""


def permission_error(verb: str, subject: str) -> PermissionDeniedError:
    """Return the error that names the subject to allow. `verb` is "publish" or "subscribe"."""
    allow = CONSUMER.sub(lambda found: f"{found[1]}.{'>' if found[2] == 'CREATE' else '*'}", subject)
    return PermissionDeniedError(f"NATS does not let this user {verb} to {subject}: allow {allow} in its permissions")


def redact_url(server: str) -> str:
    """Return the URL of a server without user and password."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


CERTIFICATE_WANTED = "the server wants a client certificate: set nats.tls.cert_file and nats.tls.key_file"
SILENT_SERVER = (
    "the server says nothing before TLS: set nats.tls.handshake_first to true, or, if no NATS server answers there, check"
    " nats.servers"
)
EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""
OTHER_HOST = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class TlsSettingError(errors.Error):
    """The server expects other settings of TLS. The text is the explanation."""


def is_refusal(error: Exception) -> bool:
    """Return whether the server refuses the user."""
    return isinstance(error, errors.AuthorizationError) or "authorization" in str(error).lower()


def explain_error(error: Exception) -> str:
    """Return why there is no connection and what to do, as part of a line."""
    text = " ".join(str(error).removeprefix("nats: ").split()) or type(error).__name__
    if isinstance(error, TlsSettingError):
        return str(error)
    # aiohttp, which nats-py uses for WebSockets, wraps the error of ssl.
    certificate_error = getattr(error, "certificate_error", error)
    if isinstance(certificate_error, ssl.SSLCertVerificationError):
        return _explain_certificate(certificate_error)
    if isinstance(error, ssl.SSLError) and "CERTIFICATE_REQUIRED" in text.upper().replace(" ", "_"):
        return CERTIFICATE_WANTED
    if isinstance(error, ssl.SSLError):
        return f"no TLS with the server ({getattr(error, 'reason', None) or text}): check nats.tls"
    if isinstance(error, errors.SecureConnWantedError):
        return "the server offers no TLS, which nats.tls or tls:// requires: enable TLS on the server, or remove these"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer within a few seconds: check nats.servers and the network"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: check that the server runs, and nats.servers"
    if isinstance(error, OSError):
        return f"{error.strerror or text}: check that the server runs, and nats.servers"
    if is_refusal(error):
        quoted = text.strip("'")
        return f"the server refuses the credentials ({quoted}): check credentials_file, user, token or nkey_seed_file under nats"
    if type(error).__module__.startswith("aiohttp."):  # which nats-py uses for WebSockets
        return "no WebSocket server answers there, but the URL begins with ws: check nats.servers"
    if "INFO message" in text or isinstance(error, ValueError):
        return "no NATS server answers there: check nats.servers"
    return text


def _explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == EXPIRED:
        return "the certificate of the server has expired: renew it on the server"
    if error.verify_code in OTHER_HOST:
        return (
            f"the certificate of the server is for another host ({error.verify_message}): use its name in nats.servers, or set"
            " nats.tls.server_name"
        )
    return f"the certificate of the server is not trusted ({error.verify_message}): set nats.tls.ca_file to the CA that signed it"
