"""Measures the time to decode one event, compared with json.loads, and the slowest bodies of 1 MiB."""

from __future__ import annotations

import json
import time
import timeit
from typing import TYPE_CHECKING

from auditor.aether import decode_event, encode_event, judge_event
from auditor.aether.gojson import exact
from tests.corpus.mebibytes import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = json.dumps(
    {
        "id": "evt-01HXABCDEFGHJKMNPQRSTVWXYZ",
        "eventType": "OrderPlaced",
        "actorId": "order-0190b2c4-7d1e-7c3a-9f00-1a2b3c4d5e6f",
        "commandId": "cmd-01HXABCDEFGHJKMN",
        "version": 17,
        "data": {"amount": 12.5, "currency": "EUR", "items": [{"sku": "A-1", "qty": 2}], "paid": True},
        "metadata": {"trace": "4bf92f3577b34da6", "user": "alice"},
        "timestamp": "2024-05-06T07:08:09.123456789Z",
    },
    separators=(",", ":"),
).encode()

DECODED = exact.decode_event(EVENT)
CANDIDATES = {
    "json.loads": lambda: json.loads(EVENT),
    "judge_event: verdict, actor, version": lambda: judge_event(EVENT),
    "decode_event: every value": lambda: decode_event(EVENT),
    "the exact decoder, for unusual bodies": lambda: exact.decode_event(EVENT),
    "encode_event": lambda: encode_event(DECODED),
}
LOOPS, ROUNDS = 2_000, 20
SLOWEST = 5


def main() -> None:
    print(f"{f'one event of {len(EVENT)} bytes':40}{'µs':>8}{'× json.loads':>14}")
    baseline = None
    for name, run in CANDIDATES.items():
        microseconds = min(timeit.repeat(run, number=LOOPS, repeat=ROUNDS)) / LOOPS * 1e6
        baseline = baseline or microseconds
        print(f"{name:40}{microseconds:8.2f}{microseconds / baseline:14.2f}")
    print(f"\n{'the slowest bodies of 1 MiB':40}{'judge s':>8}{'decode s':>14}")
    costs = [(seconds(judge_event, body), seconds(decode_event, body), name) for name, body in HOSTILE.items()]
    for judged, decoded, name in sorted(costs, reverse=True)[:SLOWEST]:
        print(f"{name:40}{judged:8.2f}{decoded:14.2f}")


def seconds(decode: Callable[[bytes], object], body: bytes) -> float:
    started = time.perf_counter()
    decode(body)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
