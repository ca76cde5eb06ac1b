"""Random scenarios: the steps that change a stream, and the passes between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.model import bodies

ACTORS = ("order-1", "order-2", "a-b-c", "plain", "-x-y", "ship-ü")
COLLIDING = ("cart-a b", "cart-a.b", "cart-a_b")
UNREACHABLE = (b"order.order-1.x", b"wrong.order-1", b"or*er.or*er-1", b"order.order-\xff", b"plain")
REASONS = ("empty", "syntax", "type", "number", "timestamp", "depth")
OPERATIONS = (
    "append",
    "delete",
    "purge_subject",
    "purge_seq",
    "purge_keep",
    "max_msgs",
    "max_bytes",
    "max_msgs_per_subject",
    "expire",
    "max_age",
    "purge_to_snapshot",
    "recreate",
    "accept",
    "withdraw",
    "pass",
    "full_pass",
    "interrupt",
    "yield",
    "crash",
    "restart_auditor",
    "kill_server",
    "kill_server_in_pass",
)
WEIGHTS = (7, 4, 1, 1, 1, 1, 1, 1, 0.2, 0.5, 1, 1, 4, 0.7, 4, 2, 1, 1, 1, 1, 0.05, 0.1)
"""How often an operation is chosen: those that take a second, because the auditor connects again, are the rarest."""


@dataclass(frozen=True)
class Scenario:
    """A stream, its audit, and what happens to them."""

    steps: tuple[Step, ...]
    actors: tuple[str, ...] = ()
    """The actors that the audit names; none for an audit of all events."""
    first_seq: int = 1
    """The first sequence that the stream is created with."""


@dataclass(frozen=True)
class Step:
    """One operation and its arguments."""

    operation: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.operation}{self.arguments or ''}"


@dataclass(frozen=True)
class NewMessage:
    """A message to append; subjects are without the name of the stream."""

    subject: bytes
    body: bytes
    malformed: str | None = None

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        said = f" malformed: {self.malformed}" if self.malformed else ""
        return f"<{self.subject!r} {self.body[:90]!r}{said}>"


@dataclass
class _Writer:
    """Makes messages as applications do, and damaged ones."""

    random: random.Random
    versions: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)
    """Versions that were left out."""
    mark: int = 0

    def messages(self, count: int) -> list[NewMessage]:
        return [message for _ in range(count) for message in self._next()]

    def _next(self) -> list[NewMessage]:
        """One message; or bad events, and a snapshot whose version counts them or one more."""
        actor = self.random.choice(ACTORS if self.random.random() < 0.9 else COLLIDING)
        if self.random.random() >= 0.03:
            return [self._message(actor)]
        count = self.random.randint(1, 3)
        key, version = _key(actor), self.versions.get(actor, 0) + count + self.random.choice((0, 0, 1))
        bad = [self._malformed(b"events." + key, "event") for _ in range(count)]
        return [*bad, NewMessage(b"snapshots." + key, bodies.snapshot(actor, version))]

    def _message(self, actor: str) -> NewMessage:
        choice = self.random.random()
        key = _key(actor)
        if choice < 0.72:
            return NewMessage(b"events." + key, self._event(actor))
        if choice < 0.78:
            return self._malformed(b"events." + key, "event")
        if choice < 0.81:
            self.mark += 1
            version = self.random.choice((None, 0, -3))
            return NewMessage(b"events." + key, bodies.event(actor, version, self.mark))
        if choice < 0.84:
            return NewMessage(b"events." + key, self._event(self.random.choice(("order-9", "", "order-8"))))
        if choice < 0.87:
            return NewMessage(b"events." + self.random.choice(UNREACHABLE), self._event(actor))
        if choice < 0.94:
            version = max(1, self.versions.get(actor, 0) + self.random.choice((-1, 0, 0, 0, 2)))
            owner = self.random.choice((actor, actor, actor, "order-9"))
            return NewMessage(b"snapshots." + key, bodies.snapshot(owner, version))
        if choice < 0.97:
            return self._malformed(b"snapshots." + key, "snapshot")
        return NewMessage(b"other.thing", b"no event")

    def _event(self, actor: str) -> bytes:
        last = self.versions.get(actor, 0)
        way = self.random.random()
        version = last + 1
        if way < 0.1:
            version = last + self.random.randint(2, 5)
            self.missing.setdefault(actor, []).extend(range(last + 1, version))
        elif way < 0.24 and self.missing.get(actor):
            version = self.missing[actor].pop(self.random.randrange(len(self.missing[actor])))
        elif way < 0.32:
            version = max(1, last - self.random.randint(0, 4))
        self.versions[actor] = max(last, version)
        if self.random.random() < 0.8 or way >= 0.32:
            self.mark += 1
        return bodies.event(actor, version, self.mark if way >= 0.28 else version)

    def _malformed(self, subject: bytes, kind: str) -> NewMessage:
        table = bodies.malformed(kind)
        reason = self.random.choice(REASONS)
        chosen = self.random.choice(table[reason])
        return NewMessage(subject, chosen.body, chosen.reason)


def _key(actor: str) -> bytes:
    dash = actor.find("-", 1)
    kind = actor[:dash] if dash > 0 else "unknown"
    table = str.maketrans(" .*>", "____")
    return f"{kind.translate(table)}.{actor.translate(table)}".encode()


def scenario(seed: int) -> Scenario:
    """The scenario of `seed`, whose steps end with a full pass."""
    chooser = random.Random(seed)
    writer = _Writer(chooser)
    actors: tuple[str, ...] = ()
    if chooser.random() < 0.25:
        actors = tuple(chooser.sample((*ACTORS, COLLIDING[0], "order-404"), chooser.randint(1, 4)))
    first_seq = chooser.randint(2, 1_000) if chooser.random() < 0.15 else 1
    steps = [Step("append", tuple(writer.messages(chooser.randint(1, 25))))]
    for _ in range(chooser.randint(3, 9)):
        operation = chooser.choices(OPERATIONS, WEIGHTS)[0]
        if operation == "recreate":
            writer.versions.clear()
            writer.missing.clear()
        steps.append(Step(operation, _arguments(operation, chooser, writer)))
    return Scenario((*steps, Step("pass"), Step("full_pass")), actors, first_seq)


def _arguments(operation: str, chooser: random.Random, writer: _Writer) -> tuple[Any, ...]:
    """The arguments of a step. Places are fractions of what is there when the step is done."""
    match operation:
        case "append":
            return tuple(writer.messages(chooser.randint(1, 12)))
        case "delete":
            return tuple(chooser.random() for _ in range(chooser.randint(1, 3)))
        case "purge_subject":
            return chooser.choice(("events.", "snapshots.")), chooser.random()
        case "purge_keep":
            return (chooser.randint(0, 6),)
        case "purge_seq" | "purge_to_snapshot":
            return (chooser.random(),)
        case "accept":
            return None if chooser.random() < 0.1 else chooser.random(), chooser.choice((None, chooser.random()))
        case "withdraw":
            return (chooser.random(),)
        case "interrupt" | "yield" | "crash" | "kill_server_in_pass":
            return chooser.random(), chooser.random() < 0.5
        case "max_age":
            return (chooser.choice((0, 3_600_000_000_000)),)
        case "max_bytes":
            return (chooser.choice((-1, 2_000, 4_000)),)
        case "max_msgs" | "max_msgs_per_subject":
            return (chooser.choice((-1, 3, 8, 15)),)
        case _:
            return ()
