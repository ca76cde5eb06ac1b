"""Full passes that take longer than the configuration allows are found before the first one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.app import App
from auditor.config import AuditConfig, Config
from auditor.operations import doctor
from auditor.operations.pass_time import slow_passes, slow_passes_of

if TYPE_CHECKING:
    import pytest

    from auditor.core.model.message import StreamInfo

TEN_TO_THE_TENTH = 10_000_000_000


def audit(name: str, **settings: object) -> AuditConfig:
    return AuditConfig.model_validate(
        {"name": name, "stream": "S", "max_rate": 20_000, "full_pass_every": "24h", **settings}
    )


def test_a_full_pass_that_takes_longer_than_its_interval_is_named() -> None:
    assert slow_passes_of([(audit("orders"), TEN_TO_THE_TENTH)]) == [
        f"orders: a full pass over {TEN_TO_THE_TENTH} messages takes at least 5 d at max_rate 20000, and full_pass_every is 1d"
    ]
    for other in (
        audit("orders", max_rate=0),
        audit("orders", max_rate=200_000),
        audit("orders", full_pass_every="7d"),
    ):
        assert slow_passes_of([(other, TEN_TO_THE_TENTH)]) == []


def test_full_passes_that_take_too_long_together_are_named() -> None:
    many = [(audit(f"a{number}"), TEN_TO_THE_TENTH // 100) for number in range(30)]
    assert slow_passes_of(many) == [
        "full passes run one after another, and at max_rate those of all 30 audits take 1.7 times as long as full_pass_every allows"
    ]
    assert slow_passes_of(many[:10]) == []


async def test_the_doctor_warns_of_slow_passes(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = App(Config(audits=(audit("orders"), audit("absent", stream="ABSENT")), nats=app.config.nats), app.client)
    info: StreamInfo = await slow.source(slow.config.audits[0]).info()

    async def large(_source: object, *, lost: bool = False) -> StreamInfo:
        return replace(info, messages=TEN_TO_THE_TENTH)

    assert await slow_passes(slow) == []
    monkeypatch.setattr(type(slow.source(slow.config.audits[0])), "info", large)
    checks = [check async for check in doctor.run_checks(slow)]
    (check,) = [check for check in checks if "orders: a full pass" in check.text]
    assert (check.status, check.fix) == (doctor.Status.WARNING, "raise max_rate or full_pass_every of these audits")
