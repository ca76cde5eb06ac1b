"""Runs scenarios on a real server, and compares every pass with the model."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from nats.errors import Error as NatsError

from auditor.app import App
from auditor.canary.actor_messages import SeedMessage
from auditor.config import AuditConfig, Config
from auditor.core.model.findings import Kind
from auditor.errors import NotFoundError
from auditor.operations.accept import accept_findings, withdraw_acceptance
from auditor.scan import checkpoint_writer
from auditor.scan.request import PassRequest, StartFrom
from auditor.scan.run import Yielded, run_pass
from tests.model.acceptances import INCIDENTS, Acceptances
from tests.model.comparison import DisagreementError, compare, counts_of
from tests.model.cut_source import CutSource
from tests.model.findings import Expected, Found, Held, Message, expect
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from auditor.core.report.pass_report import PassReport
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client
    from tests.model.scenarios import NewMessage, Scenario, Step

NOT_READ_AGAIN = ("were deleted since",)
"""What the report of a pass says that knows of a change and has not read the messages again. It must not be clean."""
KINDS_TO_WITHDRAW = ("deleted_messages", "malformed_event", "version_gap", "config_changed")
LIMITS = {"max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": -1, "max_age": 0}
MIN_AGE_NS = 100_000_000
"""The shortest max_age that the server takes."""
TIMEOUT_SECONDS = 30.0
"""For a change of the server to be seen."""
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Compared:
    """What the last pass reported, which the model agreed with."""

    findings: Counter[Found]
    epoch: str
    last_seq: int


@dataclass
class Runner:
    """One stream, its audit, and all that was done to it."""

    server: EmbeddedServer
    client: Client
    name: str
    scenario: Scenario
    kinds: Counter[str] = field(default_factory=Counter)
    """Findings that were expected, by kind."""
    accepted: Counter[str] = field(default_factory=Counter)
    """Accepted findings that were expected, by kind."""
    done: Counter[str] = field(default_factory=Counter)
    """Operations, and how passes were compared."""
    _contents: dict[int, NewMessage] = field(default_factory=dict)
    _limits: dict[str, int] = field(default_factory=LIMITS.copy)
    _seen: tuple[str, dict[str, int]] | None = None
    """Creation time and limits at the last pass."""
    _incidents: Counter[Found] = field(default_factory=Counter)
    _acceptances: Acceptances = field(default_factory=Acceptances)
    _last: Compared | None = None
    """None if the last pass was not compared, or not to its end."""
    _records: set[str] = field(default_factory=set)
    _possible_records: set[str] = field(default_factory=set)
    """Records that a pass may have stored before it was killed."""

    def __post_init__(self) -> None:
        self._audit = AuditConfig(name=self.name.lower(), stream=self.name, actors=self.scenario.actors)
        self._restart_auditor()

    def _restart_auditor(self) -> None:
        """Forget what the auditor has in memory."""
        self._app = App(Config(audits=(self._audit,)), self.client)

    async def run(self) -> None:
        """Raises DisagreementError at the first pass that the model does not agree with."""
        await self._app.ensure_own_streams()
        await self._create()
        done: list[Step] = []
        for step in self.scenario.steps:
            done.append(step)
            self.done[step.operation] += 1
            try:
                if not await self._adds_up():
                    break
                await self._step(step)
            except DisagreementError as error:
                text = "\n".join(f"  {number}. {each}" for number, each in enumerate(done, 1))
                what = f"stream {self.name}, first_seq {self.scenario.first_seq}, actors {self.scenario.actors}"
                raise DisagreementError(f"{what}:\n{text}\n{error}") from None
        await self._compare_records()
        if not await self._adds_up():
            await self._pass_that_contradicts_itself()
        await self._api(f"STREAM.DELETE.{self.name}")

    async def _step(self, step: Step) -> None:
        arguments = step.arguments
        match step.operation:
            case "pass" | "full_pass":
                await self._pass(StartFrom.AUTO if step.operation == "pass" else StartFrom.BEGINNING)
            case "accept":
                await self._accept(*arguments)
            case "withdraw":
                await self._withdraw(*arguments)
            case "interrupt":
                await self._interrupt(*arguments)
            case "yield":
                await self._yield(*arguments)
            case "crash":
                await self._crash(*arguments)
            case "restart_auditor":
                self._restart_auditor()
            case "kill_server":
                await self._kill_server()
            case "kill_server_in_pass":
                await self._kill_server_in_pass(*arguments)
            case "append":
                await self._append(arguments)
            case _:
                await self._change_stream(step.operation, arguments)

    async def _change_stream(self, operation: str, arguments: tuple[Any, ...]) -> None:
        match operation:
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
            case "purge_to_snapshot":
                prefix = f"{self.name}.snapshots.".encode()
                last = {each.subject: each.seq for each in (await self._held()).messages}
                seqs = [seq for subject, seq in last.items() if subject.startswith(prefix)]
                if seqs:
                    await self._api(f"STREAM.PURGE.{self.name}", seq=seqs[int(arguments[0] * len(seqs))])
            case "purge_keep":
                await self._api(f"STREAM.PURGE.{self.name}", **({"keep": arguments[0]} if arguments[0] else {}))
            case "expire":
                await self._expire()
            case "recreate":
                # The contents are kept: nats-server 2.15 sometimes holds the messages of a deleted stream in the new one.
                await self._api(f"STREAM.DELETE.{self.name}")
                await self._create()
            case limit:
                self._limits[limit] = arguments[0]
                await self._api(f"STREAM.UPDATE.{self.name}", **self._config())

    async def _expire(self) -> None:
        """Shorten max_age until the first message has expired. Those that were stored later may stay."""
        held = await self._held()
        if held.messages:
            await self._api(f"STREAM.UPDATE.{self.name}", **(self._config() | {"max_age": MIN_AGE_NS}))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while (await self._held()).first_seq == held.first_seq:
                    await asyncio.sleep(POLL_SECONDS)
            await self._api(f"STREAM.UPDATE.{self.name}", **self._config())

    async def _kill_server(self) -> None:
        self.server.kill()
        await self.server.start()
        await self._api("INFO")

    def _config(self) -> dict[str, Any]:
        config = {"name": self.name, "subjects": [f"{self.name}.>"], "storage": "file", **self._limits}
        return config | {"first_seq": self.scenario.first_seq, "duplicate_window": MIN_AGE_NS}

    async def _create(self) -> None:
        self._limits = LIMITS.copy()
        await self._api(f"STREAM.CREATE.{self.name}", **self._config())

    async def _api(self, subject: str, **request: Any) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    reply = await self.client.request(f"$JS.API.{subject}", json.dumps(request).encode(), timeout=10)
                except NatsError:
                    await asyncio.sleep(POLL_SECONDS)  # the server was killed, and the client connects again
                else:
                    break
        answer: dict[str, Any] = json.loads(reply.data)
        assert "error" not in answer, (subject, answer)
        return answer

    async def _append(self, messages: Sequence[NewMessage]) -> None:
        last_seq = (await self._api(f"STREAM.INFO.{self.name}"))["state"]["last_seq"]
        prefix = f"{self.name}.".encode()
        async with RawPublisher(self.server.port) as publisher:
            await publisher.publish([SeedMessage(prefix + each.subject, each.body) for each in messages])
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
        return Held(self.name, first, state["last_seq"], messages, self.scenario.first_seq)

    async def _before_pass(self) -> tuple[Held, str]:
        """What the stream holds, and when it was created. Enters what a pass notices now."""
        created = (await self._api(f"STREAM.INFO.{self.name}"))["created"]
        if self._seen is not None and self._seen[0] != created:
            self._incidents["stream_recreated", "corruption", None] += 1
        elif self._seen is not None and self._seen[1] != self._limits:
            self._incidents["config_changed", "notice", None] += 1
        self._seen = (created, self._limits.copy())
        self._last = None
        return await self._held(), created

    def _request(self, *, from_start: bool, should_yield: bool = False) -> PassRequest:
        start_from = StartFrom.BEGINNING if from_start else StartFrom.AUTO
        return PassRequest(self._audit, start_from, should_yield=lambda: should_yield)

    def _record_names(self, expected: Expected, created: str) -> set[str]:
        epoch = int(datetime.fromisoformat(f"{created[:19]}+00:00").timestamp())
        digests = {seq: hashlib.sha256(self._contents[seq].body).hexdigest()[:12] for seq in expected.quarantined}
        return {f"aether.quarantine.{self.name}.{epoch}.{seq}.{digest}" for seq, digest in digests.items()}

    async def _pass(self, start_from: StartFrom) -> None:
        held, created = await self._before_pass()
        report = await self._app.run_to_end(PassRequest(self._audit, start_from))
        self._compare(held, created, report)

    def _compare(self, held: Held, created: str, report: PassReport) -> None:
        """Compare the report of a pass that has ended with what the stream held as it began."""
        expected = expect(held, self.scenario.actors)
        self._records |= self._record_names(expected, created)
        if any(reason in (report.incomplete or "") for reason in NOT_READ_AGAIN):
            if report.verdict == "clean":
                raise DisagreementError(f"clean, and incomplete: {report.incomplete}")
            self.done["only not clean"] += 1
            return
        self.done["compared"] += 1
        expected.findings += self._incidents
        self._compare_findings(expected, created, report)
        self._last = Compared(expected.findings, created, held.last_seq)

    def _compare_findings(self, expected: Expected, created: str, report: PassReport, *, is_part: bool = False) -> None:
        open_, accepted = self._acceptances.split(expected.findings, created)
        compare(expected, open_, accepted, report, is_part=is_part)
        self.kinds.update(found[0] for found in expected.findings.elements())
        self.accepted.update(found[0] for found in accepted.elements())

    async def _accept(self, place: float | None, part: float | None) -> None:
        """Accept the findings of one kind that the last report has, or of each kind; up to a sequence or all of them."""
        if self._last is None:
            await self._pass(StartFrom.BEGINNING)
        last = self._last
        if last is None or not last.findings:
            return
        kinds = sorted({found[0] for found in last.findings})
        for kind in kinds if place is None else [kinds[int(place * len(kinds))]]:
            up_to_seq = None if part is None or kind in INCIDENTS else int(part * (last.last_seq + 1))
            await self._accept_kind(last, kind, up_to_seq)

    async def _accept_kind(self, last: Compared, kind: str, up_to_seq: int | None) -> None:
        before = counts_of(self._acceptances.split(last.findings, last.epoch)[0])
        self._acceptances.accept(kind, up_to_seq, last.findings, last.epoch)
        after = counts_of(self._acceptances.split(last.findings, last.epoch)[0])
        self.accepted += before - after
        try:
            result = await accept_findings(self._app, self._audit, Kind(kind), up_to_seq, "known")
        except NotFoundError as error:
            if after != before:
                raise DisagreementError(f"{before - after} were to be accepted: {error}") from None
        else:
            have = {str(each): count for each, count in result.still_open.items()}
            if (have, result.count) != (dict(after), before[kind] - after[kind]):
                raise DisagreementError(
                    f"{result.count} {kind} accepted, {have} left; model {before} before, {after} after"
                )

    async def _withdraw(self, place: float) -> None:
        kinds = sorted(KINDS_TO_WITHDRAW)
        kind = kinds[int(place * len(kinds))]
        is_known = self._acceptances.withdraw(kind)
        try:
            await withdraw_acceptance(self._app, self._audit, Kind(kind))
        except NotFoundError:
            if is_known:
                raise DisagreementError(f"acceptance of {kind} not found") from None
        else:
            if not is_known:
                raise DisagreementError(f"acceptance of {kind} withdrawn, which the model does not have")

    async def _interrupt(self, place: float, from_start: bool) -> None:
        held, created = await self._before_pass()
        request = self._request(from_start=from_start)

        async def interrupt() -> None:
            request.interrupt.set()

        report = await self._run_cut(request, _count(held, place), interrupt)
        assert not isinstance(report, Yielded)
        if (report.incomplete or "").startswith("interrupted"):
            self._compare_part(held, created, report, from_start=from_start)
        else:  # nothing was left to read
            self._compare(held, created, report)
            self._last = None if request.interrupt.is_set() else self._last

    def _compare_part(self, held: Held, created: str, report: PassReport, *, from_start: bool) -> None:
        """Compare the report of a pass that was interrupted. One that began at a checkpoint must not be clean."""
        if report.verdict == "clean":
            raise DisagreementError("interrupted, and clean")
        if not from_start or report.read is None:
            self.done["only not clean"] += 1
            self._possible_records |= self._record_names(expect(held, self.scenario.actors), created)
            return
        expected = expect(held, self.scenario.actors)
        if not any(message.seq > report.read.last_seq for message in held.messages):
            self._records |= self._record_names(expected, created)  # only deleted sequences were left
            self.done["only not clean"] += 1
            return
        self.done["part compared"] += 1
        expected = expect(held.up_to(report.read.last_seq), self.scenario.actors)
        self._records |= self._record_names(expected, created)
        whole = expect(held, self.scenario.actors)
        findings = Counter({found: each for found, each in whole.findings.items() if found[0] == "deleted_messages"})
        for (kind, severity, *facts), each in (expected.findings + self._incidents).items():
            if kind in ("snapshot_ahead", "deleted_messages"):
                continue  # which snapshot and which event is the last is not known, and what was deleted is
            if kind == "duplicate_version":
                facts[0] = "unknown"  # bytes are compared after the end of the range
            findings[kind, "notice" if kind.endswith("_snapshot") else severity, *facts] += each
        expected.findings = findings
        self._compare_findings(expected, created, report, is_part=True)

    async def _yield(self, place: float, from_start: bool) -> None:
        held, created = await self._before_pass()
        request = self._request(from_start=from_start, should_yield=True)
        with patch.object(checkpoint_writer, "CHECKPOINT_MESSAGES", _count(held, place)):
            result = await self._run_cut(request)
        if not isinstance(result, Yielded):
            self._compare(held, created, result)
            return
        self.done["yielded"] += 1
        if from_start:
            expected = expect(held.up_to(result.reached), self.scenario.actors)
            self._records |= self._record_names(expected, created)
        else:
            self._possible_records |= self._record_names(expect(held, self.scenario.actors), created)

    async def _crash(self, place: float, from_start: bool) -> None:
        """End the auditor in the middle of a pass, and run another pass of a new one."""
        held, created = await self._before_pass()
        request = self._request(from_start=from_start)

        async def crash() -> None:
            self.done["crashed"] += 1
            raise asyncio.CancelledError

        count = _count(held, place)
        interval = max(1, count // 2)
        with (
            patch.object(checkpoint_writer, "CHECKPOINT_MESSAGES", interval),
            contextlib.suppress(asyncio.CancelledError),
        ):
            await self._run_cut(request, count, crash)
        self._possible_records |= self._record_names(expect(held, self.scenario.actors), created)
        self._restart_auditor()
        await self._pass(StartFrom.AUTO)

    async def _kill_server_in_pass(self, place: float, from_start: bool) -> None:
        held, created = await self._before_pass()
        request = self._request(from_start=from_start)

        async def kill() -> None:
            self.done["server killed while reading"] += 1
            await self._kill_server()

        report = await self._run_cut(request, _count(held, place), kill)
        assert not isinstance(report, Yielded)
        self._compare(held, created, report)

    async def _run_cut(
        self, request: PassRequest, count: int = 0, cut: Callable[[], Awaitable[None]] | None = None
    ) -> PassReport | Yielded:
        """Run a pass that reads messages one by one, and calls `cut` after `count` of them."""
        source = CutSource(self.client, self.name, count, cut)
        return await run_pass(request, replace(self._app.ports(self._audit, store=True), source=source))

    async def _adds_up(self) -> bool:
        """Whether the numbers of the stream agree: those of nats-server 2.15 do not after some purges up to a deleted end."""
        state = (await self._api(f"STREAM.INFO.{self.name}", deleted_details=True))["state"]
        if not state["messages"]:
            return state["first_seq"] > state["last_seq"] or state["last_seq"] == 0
        stale = sum(1 for seq in state.get("deleted") or () if seq < state["first_seq"])
        count = state["messages"] + state.get("num_deleted", 0) - stale
        return bool(count == state["last_seq"] - state["first_seq"] + 1)

    async def _pass_that_contradicts_itself(self) -> None:
        report = await self._app.run_to_end(PassRequest(self._audit, StartFrom.BEGINNING))
        if report.verdict == "clean" or "contradicts itself" not in (report.incomplete or ""):
            raise DisagreementError(f"stream {self.name}: the stream info contradicts itself, and is believed")

    async def _compare_records(self) -> None:
        info = await self._api("STREAM.INFO.AETHER_QUARANTINE", subjects_filter=f"aether.quarantine.{self.name}.>")
        stored = set(info["state"].get("subjects") or ())
        if not self._records <= stored <= self._records | self._possible_records:
            too_many = stored - self._records - self._possible_records
            raise DisagreementError(f"records {too_many} too many, {self._records - stored} not stored")


def _count(held: Held, place: float) -> int:
    """The number of messages after which a pass is disturbed: small ones are more likely."""
    return 1 + int(place * place * len(held.messages))
