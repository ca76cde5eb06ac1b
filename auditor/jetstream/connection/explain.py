"""What keeps us from NATS, in words for whoever has to act."""

from __future__ import annotations

import asyncio
import re
import ssl
from urllib.parse import urlsplit

from nats import errors

from auditor.errors import PermissionDeniedError

CONSUMER = re.compile(r"(\$JS\.API\.CONSUMER\.(CREATE|INFO|MSG\.NEXT)\.[^.]+)\..*")
"""Subjects that end in the name of a consumer, which is new for every walk, and perhaps in what it filters by."""


def permission_error(verb: str, subject: str) -> PermissionDeniedError:
    """`verb`: "publish" or "subscribe"."""
    allow = CONSUMER.sub(lambda found: f"{found[1]}.{'>' if found[2] == 'CREATE' else '*'}", subject)
    return PermissionDeniedError(f"NATS does not let this user {verb} to {subject}: allow {allow} in its permissions")


def redact_url(server: str) -> str:
    """A server's address without the user and password that may be in it."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def explain_error(error: Exception) -> str:
    """Why there is no connection and what to do, in part of a line."""
    text = " ".join(str(error).removeprefix("nats: ").split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): set nats.tls.ca_file to the CA that signed it"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with it ({getattr(error, 'reason', None) or text}): check nats.tls"
    if isinstance(error, errors.SecureConnWantedError):
        return "it offers no TLS, which nats.tls or tls:// asks for"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer within a few seconds: check nats.servers and the network"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: check that it runs, and nats.servers"
    if isinstance(error, OSError):
        return f"{error.strerror or text}: check that it runs, and nats.servers"
    if isinstance(error, errors.AuthorizationError) or "authorization" in text.lower():
        said = text.strip("'")
        return f"it refuses the credentials ({said}): check credentials_file, user, token or nkey_seed_file under nats"
    if type(error).__module__.startswith("aiohttp."):  # nats-py's way to WebSockets
        return "what answers there speaks no WebSocket, which ws:// asks for: check nats.servers"
    if "INFO message" in text or isinstance(error, ValueError):
        return "what answers there is no NATS server: check nats.servers"
    return text
