"""Encoded rows of a table of actors decode to the same rows, by both twins, and damaged bytes are refused by both."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.core.state.actor_rows import HAS_ACTOR, OWN_ID, Row, decode_rows, encode_rows, second_token
from auditor.core.state.actor_table import PythonTable
from auditor.speedups import compiled

TWINS = [PythonTable, *([] if compiled is None else [compiled.Table])]
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 300))
ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def rows(draw):
    """Rows as a table makes them."""
    made = {}
    for key in draw(
        st.lists(st.one_of(ids.map(lambda text: b"order." + text.encode()), st.binary(max_size=5)), max_size=6)
    ):
        flags = draw(st.sampled_from([0, 1, 2, 3, 4, 12, 16, 31]))
        row = Row(flags)
        if flags & HAS_ACTOR:
            try:
                implied = second_token(key).decode()
            except UnicodeDecodeError:
                implied = None
            row.id = draw(ids) if implied is None or draw(st.booleans()) else implied
            row.flags |= 0 if row.id == implied else OWN_ID
            row.first_version, row.first_seq, row.last_version, row.last_seq = (draw(numbers) for _ in range(4))
        if flags & 2:
            row.snapshot_version, row.snapshot_seq = draw(numbers), draw(numbers)
        made[key] = row
    return list(made.items())


@given(rows())
def test_decoded_rows_are_the_encoded_ones_without_the_empty_ones(made):
    encoded = encode_rows(made)
    kept = [(key, row) for key, row in made if row.flags]
    assert list(decode_rows(encoded)) == kept
    for twin in TWINS:
        table = twin()
        table.load(encoded)
        assert (table.dump(0, 100), table.row_count) == (encoded, len(kept))
        assert [table.actor(key) is not None for key, _ in kept] == [bool(row.flags & HAS_ACTOR) for _, row in kept]


def loaded(twin, data: bytes):
    table = twin()
    try:
        table.load(data)
    except ValueError:
        return None
    return table.dump(0, 1000)


@given(rows(), st.data())
@example([], None)
def test_both_twins_refuse_the_same_bytes(made, data):
    encoded = bytearray(encode_rows(made))
    if data is not None:
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(encoded)))
            encoded[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    results = [loaded(twin, bytes(encoded)) for twin in TWINS]
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0", b"\1\0\0\0", b"\xff\xff\xff\xff" + b"\1" * 300, b"\0\0\0\0x", b"\1\0\0\0" + b"\0" * 53]
)
def test_damaged_bytes_are_refused(twin, data):
    with pytest.raises(ValueError, match="do not decode"):
        twin().load(data)
