"""Passwords are checked against hashes as htpasswd and Go make them."""

from __future__ import annotations

import asyncio

import bcrypt
import pytest

from auditor.service import passwords
from auditor.service.passwords import Passwords


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


async def test_a_published_vector_is_correct() -> None:
    users = Passwords({"a": "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"})
    assert await users.are_correct("a", "abc")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_the_password_of_a_user_is_correct_and_no_other_is(prefix: str) -> None:
    users = Passwords({"a": prefix + hashed("right")[4:], "b": hashed("other")})
    assert await users.are_correct("a", "right")
    assert await users.are_correct("a", "right")
    for user, password in (("a", "wrong"), ("a", "other"), ("b", "right"), ("c", "right"), ("", ""), ("a", "")):
        assert not await users.are_correct(user, password)


async def test_a_password_of_more_than_72_bytes_is_compared_up_to_there_as_go_compares_it() -> None:
    users = Passwords({"a": hashed("x" * 100)})
    assert await users.are_correct("a", "x" * 100)
    assert await users.are_correct("a", "x" * 72 + "y")
    assert not await users.are_correct("a", "x" * 71)


async def test_a_correct_password_is_hashed_once_and_a_wrong_one_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = 0
    matches = passwords._matches

    def counted(password: str, stored: str) -> bool:
        nonlocal hashes
        hashes += 1
        return matches(password, stored)

    monkeypatch.setattr(passwords, "_matches", counted)
    users = Passwords({"a": hashed("right")})
    for _ in range(3):
        assert await users.are_correct("a", "right")
    assert hashes == 1
    for user in ("a", "unknown"):
        for _ in range(2):
            assert not await users.are_correct(user, "wrong")
    assert hashes == 5


async def test_a_known_password_does_not_wait_for_the_hash_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    users = Passwords({"a": hashed("right")})
    assert await users.are_correct("a", "right")
    await users._hashing.acquire()
    guessing = asyncio.create_task(users.are_correct("a", "wrong"))
    assert await users.are_correct("a", "right")
    users._hashing.release()
    assert not await guessing


async def test_only_so_many_passwords_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_KNOWN", 1)
    users = Passwords({"a": hashed("1"), "b": hashed("2")})
    for _ in range(2):
        assert await users.are_correct("a", "1")
        assert await users.are_correct("b", "2")
    assert len(users._known) == 1


async def test_a_hash_that_bcrypt_refuses_matches_no_password() -> None:
    assert not await Passwords({"a": "$2y$10$" + "." * 10}).are_correct("a", "x")
