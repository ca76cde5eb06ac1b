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


def explain_error(error: Exception) -> str:
    """Return why there is no connection and what to do, as part of a line."""
    text = " ".join(str(error).removeprefix("nats: ").split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the server is not trusted ({error.verify_message}): set nats.tls.ca_file to the CA that signed it"
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
    if isinstance(error, errors.AuthorizationError) or "authorization" in text.lower():
        quoted = text.strip("'")
        return f"the server refuses the credentials ({quoted}): check credentials_file, user, token or nkey_seed_file under nats"
    if type(error).__module__.startswith("aiohttp."):  # which nats-py uses for WebSockets
        return "no WebSocket server answers there, but the URL begins with ws: check nats.servers"
    if "INFO message" in text or isinstance(error, ValueError):
        return "no NATS server answers there: check nats.servers"
    return text
