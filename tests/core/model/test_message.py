"""A stored message holds the bytes that the server stores, and cannot be changed."""

from __future__ import annotations

import pytest

from auditor.core.model.message import Loss, StoredMessage, StreamInfo


def test_a_message_cannot_be_changed() -> None:
    message = StoredMessage(1, 2, b"\xff", None, b"\x00")
    with pytest.raises(AttributeError):
        message.data = b""  # type: ignore[misc]


def test_stream_info_has_no_lost_sequences_by_default() -> None:
    assert StreamInfo("S", 1, 1, 0, 0, 0).lost == Loss()
