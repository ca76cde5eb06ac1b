"""Finds streams in other JetStream domains that take the auditor's subjects.

A publish reaches the streams of every domain of the account. Each of them would store the messages of all auditors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats import errors

from auditor.errors import StreamNotFoundError
from auditor.jetstream.api import WRONG_STREAM, decode_ack, stream_info

if TYPE_CHECKING:
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.connection.client import Client
    from auditor.jetstream.own_streams import OwnedStream

ANSWER_SECONDS = 0.3
"""How long answers are collected. One from another domain comes over a leaf node connection."""


async def check_other_domains(connection: Client, client: ApiClient, own: OwnedStream) -> None:
    """Publish a message that every stream refuses, and count the answers. `client`: of the API that has, or will have, `own`.

    Raises the error of `own` if more streams answer than `own`, PermissionDeniedError, ConnectionFailedError.
    """
    prefix = own.config.subject_prefix
    try:
        await stream_info(client, own.config.stream)
        expected = 1
    except StreamNotFoundError:
        expected = 0
    try:
        replies = await connection.request_all(
            f"{prefix}.doctor", {"Nats-Expected-Stream": "none of these"}, ANSWER_SECONDS
        )
    except (errors.Error, OSError) as error:
        raise connection.not_connected_error(error) from error
    refusals = [ack for ack in map(decode_ack, replies) if ack.error and ack.error.err_code == WRONG_STREAM]
    if len(refusals) > expected:
        raise own.error(
            f"besides {own.section} stream {own.config.stream}, another stream takes {own.wildcard}, as one in another JetStream"
            f" domain does: set {own.section}.subject_prefix to another one here, or deny {own.wildcard} on the leaf node"
            " connection"
        )
