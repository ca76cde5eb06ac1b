"""Both twins of the table of actors have the same rows after the same messages."""

from __future__ import annotations

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.core.model.message import StoredMessage
from auditor.core.state.actor_rows import MAX_KEY_SIZE
from auditor.core.state.actor_table import PythonTable, keys_of, same_rows
from auditor.speedups import compiled
from tests.core.by_the_book import growing
from tests.core.state.test_examiner import examiner
from tests.core.stories import event, message, snapshot, streams

TWINS = [PythonTable, *([] if compiled is None else [compiled.Table])]
twins = pytest.mark.parametrize("twin", TWINS)
EVENTS, SNAPSHOTS = b"S.events.", b"S.snapshots."
KEY = b"order.order-1"


def batch_of(messages):
    """The messages as `cut` delivers them; a list without the compiled twins."""
    if compiled is None or not messages:
        return messages
    frames = [
        b"MSG %b 1 p%d.%d.%d.0 %d\r\n%b\r\n" % (each.subject, each.seq, at, each.time_ns, len(each.data), each.data)
        for at, each in enumerate(messages, 1)
        if each.subject and not set(each.subject) & set(b" \r\n")
    ]
    batch, _ = compiled.cut(b"".join(frames), 0, b"1", b"p", StoredMessage)
    return batch if batch is not None and list(batch) == messages else messages


def examined(twin, messages):
    one = examiner()
    one.state.ledger.table = twin()
    at = one.examine_expected(messages)
    while at < len(messages):
        one.examine(messages[at])
        at = one.examine_expected(messages, at + 1)
    return one.state


def facts(table):
    """All that a table says."""
    keys = list(keys_of(table, 63))
    return (
        table.dump(0, 1000),
        keys,
        [(table.actor(key), table.snapshot(key)) for key in keys],
        (table.row_count, table.actor_count, table.snapshot_count),
        [table.unusual(first) for first in (1, 3)],
        [table.between(first, last) for first in (1, 5, 50) for last in (0, 3, 40)],
        [table.keys(first, count, 3, 4) for first in (0, 2) for count in (0, 1, 9)],
    )


@settings(deadline=None)
@given(streams | growing().map(lambda story: [(one.subject, one.data) for one in story]))
def test_both_twins_have_the_same_state_after_the_same_messages(stream):
    messages = [message(seq, subject, data) for seq, (subject, data) in enumerate(stream, 1)]
    states = [examined(twin, some) for twin in TWINS for some in (messages, batch_of(messages))]
    assert all(state == states[0] for state in states)
    assert all(facts(state.ledger.table) == facts(states[0].ledger.table) for state in states)


keys = st.sampled_from([b"order.order-1", b"order.order-2", b"a.b.c", b"", b"x.\xff"])
small = st.integers(-2, 40)
operations = st.one_of(
    st.tuples(st.just("put_actor"), keys, st.sampled_from(["order-1", "", "order 1", "é"]), small, small, small, small),
    st.tuples(st.just("put_snapshot"), keys, small, small),
    st.tuples(st.just("remove_actor"), keys),
    st.tuples(st.just("remove_snapshot"), keys),
    st.tuples(st.just("set_flags"), keys, st.integers(0, 63), st.integers(0, 63)),
    st.tuples(st.just("drop_snapshots_before"), small),
)


@given(st.lists(operations, max_size=30))
@example([("put_actor", b"", "", 1, 1, 1, 1)])
def test_both_twins_have_the_same_rows_after_the_same_operations(done):
    tables = [twin() for twin in TWINS]
    for table in tables:
        for name, *arguments in done:
            getattr(table, name)(*arguments)
    assert all(facts(table) == facts(tables[0]) for table in tables)
    assert all(same_rows(table, tables[0]) for table in tables)


@twins
def test_many_actors_keep_their_rows(twin):
    table = twin()
    messages = [
        message(seq, b"S.events.order.order-%d" % (seq % 5_000), event(f"order-{seq % 5_000}", seq // 5_000 + 1))
        for seq in range(15_000)
    ]
    assert tuple(table.take(messages, 0, EVENTS, b"", 20_000, True)) == (15_000, 15_000, 0)
    assert (table.actor_count, table.unusual(1), len(list(keys_of(table, 1)))) == (5_000, [], 5_000)
    assert table.actor(b"order.order-4999") == ("order-4999", 1, 4_999, 3, 14_999)
    copy = twin()
    for first in range(0, table.row_count, 700):
        copy.load(table.dump(first, 700))
    assert same_rows(copy, table)


@twins
def test_until_prefixes_and_new_actors_end_what_is_taken(twin):
    messages = [
        message(1, b"S.events." + KEY, event("order-1", 1)),
        message(2, b"S.snapshots." + KEY, snapshot("order-1", 1)),
        message(3, b"S.events." + KEY, event("order-1", 2)),
    ]
    for arguments, taken in [
        ((0, EVENTS, SNAPSHOTS, 9, True), (3, 2, 1)),
        ((1, EVENTS, SNAPSHOTS, 9, True), (3, 1, 1)),
        ((3, EVENTS, SNAPSHOTS, 9, True), (3, 0, 0)),
        ((0, EVENTS, SNAPSHOTS, 2, True), (2, 1, 1)),
        ((0, EVENTS, b"", 9, True), (1, 1, 0)),
        ((0, EVENTS, SNAPSHOTS, 9, False), (0, 0, 0)),
    ]:
        for some in (messages, batch_of(messages)):
            assert tuple(twin().take(some, *arguments)) == taken


@twins
def test_an_actor_with_anomalies_is_taken_again_once_they_do_not_concern_its_next_event(twin):
    table = twin()
    first, second = (message(seq, b"S.events." + KEY, event("order-1", seq)) for seq in (1, 2))
    table.take([first], 0, EVENTS, b"", 9, True)
    table.set_flags(KEY, 12, 12)
    assert table.take([second], 0, EVENTS, b"", 9, True)[0] == 0
    table.set_flags(KEY, 12, 4)
    assert table.take([second], 0, EVENTS, b"", 9, True)[0] == 1
    assert table.unusual(1) == [KEY]


@twins
def test_a_key_that_is_too_long_is_refused(twin):
    table = twin()
    for call in (
        lambda: table.put_actor(b"k" * (MAX_KEY_SIZE + 1), "a", 1, 1, 1, 1),
        lambda: table.put_actor(b"k", "a" * (MAX_KEY_SIZE + 1), 1, 1, 1, 1),
        lambda: table.put_snapshot(b"k" * (MAX_KEY_SIZE + 1), 1, 1),
        lambda: table.set_flags(b"k" * (MAX_KEY_SIZE + 1), 4, 4),
    ):
        with pytest.raises(OverflowError, match="has no place"):
            call()
    long = message(1, EVENTS + b"k" * (MAX_KEY_SIZE + 1), event("k", 1))
    assert table.take([long], 0, EVENTS, b"", 9, True)[0] == 0


@pytest.mark.skipif(compiled is None, reason="the compiled twins are not in use")
def test_the_compiled_table_checks_its_arguments_and_needs_about_a_hundred_bytes_for_an_actor():
    table = compiled.Table()
    for name, arguments, error in [
        ("actor", ("text",), TypeError),
        ("take", ([], -1, b"", b"", 1, True), ValueError),
        ("take", ([1], 0, b"", b"", 1, True), AttributeError),
        ("take", ([StoredMessage("x", 1, b"", None, b"")], 0, b"", b"", 1, True), TypeError),
        ("take", ([StoredMessage(1, 1, "", None, b"")], 0, b"", b"", 1, True), TypeError),
        ("take", (5, 0, b"", b"", 1, True), TypeError),
        ("keys", (-1, 1, 1, 1), ValueError),
        ("dump", (0, -1), ValueError),
        ("put_actor", (b"k", "\ud800", 1, 1, 1, 1), UnicodeEncodeError),
        ("put_actor", (b"k", "a", 1 << 64, 1, 1, 1), OverflowError),
        ("load", ("text",), TypeError),
    ]:
        with pytest.raises(error):
            getattr(table, name)(*arguments)
    assert tuple(table.take([], 5, b"", b"", 1, True)) == (5, 0, 0)
    for number in range(50_000):
        table.put_actor(b"order.order-%d" % number, f"order-{number}", 1, 1, 1, 1)
    assert sys.getsizeof(table) < 50_000 * 130
