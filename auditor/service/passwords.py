"""Checks the passwords of HTTP requests against bcrypt hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_KNOWN = 100
"""How many correct passwords are known without computing their hash again."""

MAX_BYTES = 72
"""bcrypt reads only this many bytes of a password."""


class Passwords:
    """The users of the HTTP server. A hash takes about 50 ms, so a password that was correct before is known by a digest."""

    def __init__(self, users: Mapping[str, str]) -> None:
        """`users` has the bcrypt hash of each user's password."""
        self._users = users
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._hashing = asyncio.Lock()

    async def are_correct(self, user: str, password: str) -> bool:
        """Return whether `password` is that of `user`. Hashes are computed one at a time, in a thread."""
        # An unknown user costs a hash, too, so that the time of the answer does not tell which users exist.
        stored = self._users.get(user) or next(iter(self._users.values()))
        digest = hmac.digest(self._key, f"{user}\0{password}".encode("utf-8", "surrogateescape"), hashlib.sha256)
        if digest in self._known:
            return True
        async with self._hashing:
            correct = await asyncio.to_thread(_matches, password, stored) and user in self._users
        if correct:
            self._known[digest] = None
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return correct


def _matches(password: str, stored: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode("utf-8", "surrogateescape")[:MAX_BYTES], stored.encode())
    except ValueError:  # a hash that bcrypt does not take
        return False
