"""Batches of messages, and lists of them."""

from __future__ import annotations

import pytest

from auditor.core.model.batch import ListBatch, data_bytes, missing_from
from auditor.core.model.message import StoredMessage


def message(seq) -> StoredMessage:
    return StoredMessage(seq, 0, b"s", None, b"x" * seq)


@pytest.mark.parametrize("kind", [list, lambda messages: ListBatch(messages, 1, 0)])
def test_the_sequences_missing_in_a_batch_are_those_between_its_messages_and_before_the_first(kind):
    assert missing_from(kind([message(seq) for seq in (3, 4, 7)]), 2) == [(2, 2), (5, 6)]
    assert missing_from(kind([message(seq) for seq in (3, 4)]), 3) == []


def test_the_bytes_of_a_batch_are_those_of_its_bodies():
    messages = [message(seq) for seq in (3, 4, 7)]
    assert data_bytes(messages) == ListBatch(messages, 1, 0).data_bytes == 14
