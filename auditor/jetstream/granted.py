"""Asks the server what its user may publish and subscribe to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from nats import errors

from auditor.core.model.subject_filter import is_subset
from auditor.errors import PermissionDeniedError
from auditor.jetstream.api import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.jetstream.api_client import ApiClient

USER_INFO = "$SYS.REQ.USER.INFO"
TIMEOUT = 5.0


class RequiredSubject(NamedTuple):
    """A subject, which may have wildcards, and what the auditor needs it for."""

    subject: str
    purpose: str


class SubjectRules(msgspec.Struct, frozen=True):
    """The subjects that a user may and may not publish or subscribe to."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def missing(self, needs: Iterable[RequiredSubject]) -> list[RequiredSubject]:
        """Return those of `needs` that are not allowed in full."""
        allowed = self.allow or (">",)
        return [
            need
            for need in needs
            if not any(is_subset(subject, need.subject) for subject in allowed)
            or any(is_subset(subject, need.subject) for subject in self.deny)
        ]

    def unneeded(self, needs: Iterable[RequiredSubject]) -> list[str]:
        """Return the subjects that are allowed and not needed."""
        needed = [need.subject for need in needs]
        allowed = self.allow or (">",)
        return [subject for subject in allowed if not any(is_subset(need, subject) for need in needed)]


class Permissions(msgspec.Struct, frozen=True):
    """The permissions of one user."""

    publish: SubjectRules = SubjectRules()
    subscribe: SubjectRules = SubjectRules()


class _User(msgspec.Struct):
    user: str = ""
    account: str = ""
    permissions: Permissions = Permissions()


class _UserInfo(msgspec.Struct):
    data: _User = msgspec.field(default_factory=_User)


async def granted_permissions(client: ApiClient) -> Permissions | None:
    """Return the permissions of this user; None if the server does not report them. Raises ConnectionFailedError."""
    user = await _user(client)
    return None if user is None else user.permissions


async def account_of(client: ApiClient) -> str:
    """Return the account of this user; empty if the server does not report it. Raises ConnectionFailedError."""
    user = await _user(client)
    return "" if user is None else user.account


async def _user(client: ApiClient) -> _User | None:
    try:
        reply = await client.request(USER_INFO, timeout=TIMEOUT)
        return msgspec.json.decode(reply.data, type=_UserInfo).data
    except (PermissionDeniedError, errors.NoRespondersError, errors.TimeoutError, *DECODE_ERRORS):
        return None
    except (errors.Error, OSError) as error:
        raise client.not_connected_error(error) from error
