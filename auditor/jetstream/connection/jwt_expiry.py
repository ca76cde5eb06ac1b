"""Reads from a user JWT when it expires. Pure: the time is an argument."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from auditor.units import NANOSECONDS, format_utc

WARNING_SECONDS = 7 * 86_400
"""Before a JWT expires, from when on that is worth a warning."""
LAST_SECOND = 253_402_300_799
"""The last second of the year 9999. A later one is no time that can be shown."""


class _Claims(msgspec.Struct):
    exp: int = 0


@dataclass(frozen=True, slots=True)
class JwtExpiry:
    """When the JWT in a file expires."""

    file: str
    expires_s: int
    """Seconds since 1970."""

    def is_near(self, now_s: float) -> bool:
        """Whether it expires within `WARNING_SECONDS`, or has expired."""
        return self.expires_s - now_s <= WARNING_SECONDS

    def has_passed(self, now_s: float) -> bool:
        """Whether the server refuses the JWT."""
        return self.expires_s <= now_s

    @property
    def text(self) -> str:
        """When it expires, in UTC."""
        return format_utc(self.expires_s * NANOSECONDS)


def jwt_expires_s(jwt: bytes) -> int | None:
    """Return when `jwt` expires, in seconds since 1970; None if it never does or cannot be decoded."""
    _, _, rest = jwt.partition(b".")
    claims = rest.partition(b".")[0]
    try:
        decoded = base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
        expires_s = msgspec.json.decode(decoded, type=_Claims).exp
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return expires_s if 0 < expires_s <= LAST_SECOND else None
