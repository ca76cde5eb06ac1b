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
    "recreate",
    "pass",
    "full_pass",
)
WEIGHTS = (6, 3, 1, 1, 1, 1, 1, 1, 1, 3, 2)


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
    mark: int = 0

    def messages(self, count: int) -> list[NewMessage]:
        return [self._message() for _ in range(count)]

    def _message(self) -> NewMessage:
        choice = self.random.random()
        actor = self.random.choice(ACTORS if self.random.random() < 0.9 else COLLIDING)
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
        if way < 0.08:
            version = last + self.random.randint(2, 5)
        elif way < 0.2:
            version = max(1, last - self.random.randint(0, 4))
        self.versions[actor] = max(last, version)
        if self.random.random() < 0.8 or way >= 0.2:
            self.mark += 1
        return bodies.event(actor, version, self.mark if way >= 0.14 else version)

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


def scenario(seed: int) -> list[Step]:
    """The steps of the scenario of `seed`, which end with a full pass."""
    chooser = random.Random(seed)
    writer = _Writer(chooser)
    steps = [Step("append", tuple(writer.messages(chooser.randint(1, 25))))]
    for _ in range(chooser.randint(2, 7)):
        operation = chooser.choices(OPERATIONS, WEIGHTS)[0]
        if operation == "append":
            steps.append(Step(operation, tuple(writer.messages(chooser.randint(1, 12)))))
        elif operation == "delete":
            steps.append(Step(operation, tuple(chooser.random() for _ in range(chooser.randint(1, 3)))))
        elif operation == "purge_subject":
            steps.append(Step(operation, (chooser.choice(("events.", "snapshots.")), chooser.random())))
        elif operation == "purge_keep":
            steps.append(Step(operation, (chooser.randint(0, 6),)))
        elif operation == "purge_seq":
            steps.append(Step(operation, (chooser.random(),)))
        elif operation == "max_bytes":
            steps.append(Step(operation, (chooser.choice((-1, 2_000, 4_000)),)))
        elif operation.startswith("max_"):
            steps.append(Step(operation, (chooser.choice((-1, 3, 8, 15)),)))
        else:
            if operation == "recreate":
                writer.versions.clear()
            steps.append(Step(operation))
    return [*steps, Step("pass"), Step("full_pass")]
