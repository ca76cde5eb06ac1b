"""What the server says that its user may do."""

from __future__ import annotations

import pytest

from auditor.errors import ConnectionFailedError
from auditor.jetstream.granted import Permissions, RequiredSubject, SubjectRules, granted_permissions


def test_a_denied_subject_is_missing_also_if_it_is_allowed():
    need = RequiredSubject("$JS.API.STREAM.INFO.ORDERS", "")
    assert SubjectRules(deny=("$JS.API.>",)).missing([need]) == [need]
    assert SubjectRules(allow=(">",), deny=("$JS.API.STREAM.INFO.*",)).missing([need]) == [need]
    assert SubjectRules(deny=("other",)).missing([need]) == []
    assert SubjectRules(allow=("$JS.API.STREAM.INFO.*",)).missing([need]) == []
    assert SubjectRules(allow=("$JS.API.STREAM.INFO.*",)).unneeded([need]) == ["$JS.API.STREAM.INFO.*"]


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"data":' * 100_000, b'{"data":{"user":"\xff"}}', b'{"data":[]}'])
async def test_a_reply_that_does_not_decode_gives_no_permissions(client, monkeypatch, body):
    async def answer(message):
        await client.publish(message.reply, body)

    monkeypatch.setattr("auditor.jetstream.granted.USER_INFO", "user.info")
    await client.subscribe("user.info", cb=answer)
    assert await granted_permissions(client) is None


async def test_the_permissions_of_a_user_without_limits_are_empty_and_a_lost_connection_is_an_error(server, client):
    assert await granted_permissions(client) == Permissions()
    server.kill()
    with pytest.raises(ConnectionFailedError):
        await granted_permissions(client)
