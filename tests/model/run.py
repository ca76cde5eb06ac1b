"""Runs scenarios on a real server, and compares every pass with the model."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditor.app import App
from auditor.canary.actor_messages import SeedMessage
from auditor.config import AuditConfig, Config
from auditor.scan.request import PassRequest, StartFrom
from tests.model.findings import Expected, Found, Held, Message, expect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.jetstream.connection.client import Client
    from tests.model.scenarios import NewMessage, Step
    from tests.publishing import RawPublisher

FIELDS: dict[str, tuple[str, ...]] = {
    "version_gap": ("subject", "after_version", "before_version", "after_seq", "before_seq"),
    "missing_head": ("subject", "before_version", "before_seq"),
    "duplicate_version": ("subject", "seq", "version"),
    "late_version": ("subject", "seq", "version"),
    "version_regression": ("subject", "seq", "version"),
    "subject_collision": ("subject", "ids"),
    "deleted_messages": ("first_seq", "last_seq"),
    "config_changed": (),
    "stream_recreated": (),
}
"""What identifies a finding, after its kind, severity and reason or cause; for all other kinds subject and sequence."""
CODES = {"clean": 0, "corrupt": 2, "inconclusive": 3}
LIMITS = {"max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": -1}


class DisagreementError(AssertionError):
    """The auditor and the model do not agree."""


@dataclass
class Runner:
    """One stream, its audit, and all that was done to it."""

    client: Client
    publisher: RawPublisher
    name: str
    kinds: Counter[str] = field(default_factory=Counter)
    """Findings that were expected, by kind."""
    operations: Counter[str] = field(default_factory=Counter)
    _contents: dict[int, NewMessage] = field(default_factory=dict)
    _limits: dict[str, int] = field(default_factory=LIMITS.copy)
    _seen: tuple[str, dict[str, int]] | None = None
    """Creation time and limits at the last pass."""
    _incidents: Counter[Found] = field(default_factory=Counter)
    _records: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._audit = AuditConfig(name=self.name.lower(), stream=self.name)
        self._app = App(Config(audits=(self._audit,)), self.client)

    async def run(self, steps: Sequence[Step]) -> None:
        """Raises DisagreementError at the first pass that the model does not agree with."""
        await self._app.ensure_own_streams()
        await self._create()
        done: list[Step] = []
        for step in steps:
            done.append(step)
            self.operations[step.operation] += 1
            try:
                if not await self._adds_up():
                    break
                await self._step(step)
            except DisagreementError as error:
                text = "\n".join(f"  {number}. {each}" for number, each in enumerate(done, 1))
                raise DisagreementError(f"stream {self.name}:\n{text}\n{error}") from None
        await self._compare_records()
        if not await self._adds_up():
            await self._pass_that_contradicts_itself()
        await self._api(f"STREAM.DELETE.{self.name}")

    async def _step(self, step: Step) -> None:
        arguments = step.arguments
        match step.operation:
            case "append":
                await self._append(arguments)
            case "delete":
                for place in arguments:
                    stored = (await self._held()).messages
                    if stored:
                        seq = stored[int(place * len(stored))].seq
                        await self._api(f"STREAM.MSG.DELETE.{self.name}", seq=seq, no_erase=True)
            case "purge_subject":
                prefix, place = f"{self.name}.{arguments[0]}".encode(), arguments[1]
                subjects = [each.subject for each in (await self._held()).messages if each.subject.startswith(prefix)]
                subjects = [each for each in subjects if b"\xff" not in each and b"*" not in each]
                if subjects:
                    subject = subjects[int(place * len(subjects))].decode()
                    await self._api(f"STREAM.PURGE.{self.name}", filter=subject)
            case "purge_seq":
                held = await self._held()
                seq = held.first_seq + int(arguments[0] * (held.last_seq - held.first_seq + 1))
                if seq > 0:
                    await self._api(f"STREAM.PURGE.{self.name}", seq=seq)
            case "purge_keep":
                await self._api(f"STREAM.PURGE.{self.name}", **({"keep": arguments[0]} if arguments[0] else {}))
            case "recreate":
                # The contents are kept: nats-server 2.15 sometimes holds the messages of a deleted stream in the new one.
                await self._api(f"STREAM.DELETE.{self.name}")
                await self._create()
            case "pass" | "full_pass":
                await self._pass(StartFrom.AUTO if step.operation == "pass" else StartFrom.BEGINNING)
            case limit:
                self._limits[limit] = arguments[0]
                await self._api(f"STREAM.UPDATE.{self.name}", **self._config())

    def _config(self) -> dict[str, Any]:
        return {"name": self.name, "subjects": [f"{self.name}.>"], "storage": "file", **self._limits}

    async def _create(self) -> None:
        self._limits = LIMITS.copy()
        await self._api(f"STREAM.CREATE.{self.name}", **self._config())

    async def _api(self, subject: str, **request: Any) -> dict[str, Any]:
        reply = await self.client.request(f"$JS.API.{subject}", json.dumps(request).encode(), timeout=10)
        answer: dict[str, Any] = json.loads(reply.data)
        assert "error" not in answer, (subject, answer)
        return answer

    async def _append(self, messages: Sequence[NewMessage]) -> None:
        last_seq = (await self._api(f"STREAM.INFO.{self.name}"))["state"]["last_seq"]
        prefix = f"{self.name}.".encode()
        await self.publisher.publish([SeedMessage(prefix + each.subject, each.body) for each in messages])
        self._contents.update(enumerate(messages, last_seq + 1))

    async def _held(self) -> Held:
        """What the server holds; the contents are those that were published."""
        state = (await self._api(f"STREAM.INFO.{self.name}", deleted_details=True))["state"]
        gone, prefix = set(state.get("deleted") or ()), f"{self.name}.".encode()
        seqs = [seq for seq in range(state["first_seq"], state["last_seq"] + 1) if seq not in gone]
        if state["messages"] and not self._contents.keys() >= set(seqs):
            raise DisagreementError(f"the server holds {state}, and {sorted(self._contents)} were published")
        stored = [(seq, self._contents[seq]) for seq in seqs] if state["messages"] else []
        messages = tuple(Message(seq, prefix + each.subject, each.body, each.malformed) for seq, each in stored)
        first = max(1, state["first_seq"])
        return Held(self.name, first, state["last_seq"], messages)

    async def _pass(self, start_from: StartFrom) -> None:
        created = (await self._api(f"STREAM.INFO.{self.name}"))["created"]
        if self._seen is not None and self._seen[0] != created:
            self._incidents["stream_recreated", "corruption", None] += 1
        elif self._seen is not None and self._seen[1] != self._limits:
            self._incidents["config_changed", "notice", None] += 1
        self._seen = (created, self._limits.copy())
        expected = expect(await self._held())
        expected.findings += self._incidents
        report = (await self._app.run_to_end(PassRequest(self._audit, start_from))).to_json()
        epoch = int(datetime.fromisoformat(f"{created[:19]}+00:00").timestamp())
        for seq in expected.quarantined:
            digest = hashlib.sha256(self._contents[seq].body).hexdigest()[:12]
            self._records.add(f"aether.quarantine.{self.name}.{epoch}.{seq}.{digest}")
        if start_from is StartFrom.AUTO and "were deleted since" in (report["incomplete"] or ""):
            if report["verdict"] == "clean":
                raise DisagreementError(f"clean, and incomplete: {report['incomplete']}")
            return
        self.kinds.update(found[0] for found in expected.findings.elements())
        _compare(expected, report)

    async def _adds_up(self) -> bool:
        """Whether the numbers of the stream agree: those of nats-server 2.15 do not after some purges up to a deleted end."""
        state = (await self._api(f"STREAM.INFO.{self.name}"))["state"]
        if not state["messages"]:
            return state["first_seq"] > state["last_seq"] or state["last_seq"] == 0
        count = state["messages"] + state.get("num_deleted", 0)
        return bool(count == state["last_seq"] - state["first_seq"] + 1)

    async def _pass_that_contradicts_itself(self) -> None:
        report = await self._app.run_to_end(PassRequest(self._audit, StartFrom.BEGINNING))
        if report.verdict == "clean" or "contradicts itself" not in (report.incomplete or ""):
            raise DisagreementError(f"stream {self.name}: the stream info contradicts itself, and is believed")

    async def _compare_records(self) -> None:
        info = await self._api("STREAM.INFO.AETHER_QUARANTINE", subjects_filter=f"aether.quarantine.{self.name}.>")
        stored = set(info["state"].get("subjects") or ())
        if stored != self._records:
            raise DisagreementError(f"records {stored - self._records} too many, {self._records - stored} not stored")


def _compare(expected: Expected, report: dict[str, Any]) -> None:
    found: Counter[Found] = Counter(_found(each) for each in report["findings"])
    wanted = Counter({_printable(key): count for key, count in expected.findings.items()})
    problems = [f"model only:   {count} x {each}" for each, count in (wanted - found).items()]
    problems += [f"auditor only: {count} x {each}" for each, count in (found - wanted).items()]
    severities = {each[1] for each in expected.findings}
    counts = expected.counts
    selects_nothing = counts["examined"] == 0 and counts["skipped"] > 0
    verdict = "corrupt" if "corruption" in severities else "inconclusive" if selects_nothing else "clean"
    for name, want, have in (
        ("verdict", verdict, report["verdict"]),
        *((each, counts[each], report["messages"][each]) for each in ("in_range", "examined", "deleted", "skipped")),
        *((each, counts[each], report["events"][each]) for each in ("ok", "malformed", "hidden", "unreachable")),
        ("snapshots ok", counts["snapshots_ok"], report["snapshots"]["ok"]),
        ("snapshots malformed", counts["snapshots_malformed"], report["snapshots"]["malformed"]),
        ("actors seen", counts["seen"], report["actors"]["seen"]),
        ("missing versions", expected.missing_versions, report["missing_versions"]),
        ("unreadable", 0, report["messages"]["unreadable"]),
        ("unjudged", 0, report["messages"]["unjudged"]),
        ("pending", 0, report["quarantine_pending"]),
    ):
        if want != have:
            problems.append(f"{name}: model {want}, auditor {have}")
    if problems:
        raise DisagreementError("\n".join([*problems, f"incomplete: {report['incomplete']}"]))


def _found(finding: dict[str, Any]) -> Found:
    kind = finding["kind"]
    facts = [finding.get(name) for name in FIELDS.get(kind, ("subject", "seq"))]
    reason = finding.get("reason") or finding.get("cause")
    return (
        str(kind),
        str(finding["severity"]),
        reason and str(reason),
        *(tuple(sorted(fact)) if isinstance(fact, list) else fact for fact in facts),
    )


def _printable(found: Found) -> Found:
    return tuple(each.decode(errors="backslashreplace") if isinstance(each, bytes) else each for each in found)
