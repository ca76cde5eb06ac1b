"""A JWT says when it expires."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.jetstream.connection.jwt_expiry import LAST_SECOND, WARNING_SECONDS, JwtExpiry, jwt_expires_s


def jwt(claims: object) -> bytes:
    parts = ({"typ": "JWT"}, claims, {})
    return b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)


@given(st.integers(1, LAST_SECOND), st.text(max_size=5))
def test_the_expiry_is_read_whatever_the_padding(expires_s: int, name: str) -> None:
    assert jwt_expires_s(jwt({"name": name, "exp": expires_s})) == expires_s


@pytest.mark.parametrize(
    "token",
    [
        jwt({}),
        jwt({"exp": 0}),
        jwt({"exp": -5}),
        jwt({"exp": LAST_SECOND + 1}),
        jwt({"exp": "soon"}),
        jwt([]),
        b"",
        b"a.b.c",
    ],
)
def test_a_token_without_a_time_of_expiry_never_expires(token: bytes) -> None:
    assert jwt_expires_s(token) is None


def test_an_expiry_is_near_seven_days_before_it_has_passed() -> None:
    one = JwtExpiry("a.creds", 10_000_000)
    near = 10_000_000 - WARNING_SECONDS
    assert [one.is_near(near - 1), one.is_near(near), one.has_passed(9_999_999), one.has_passed(10_000_000)] == [
        False,
        True,
        False,
        True,
    ]
    assert one.text.startswith("1970-04-26")
