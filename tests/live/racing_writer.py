"""One of many processes that write to one actor: `python -m tests.live.racing_writer URL NAME LAST_VERSION`.

Says "ready" and begins when it reads a line. Saves the version that comes next, again and again, until the actor has
LAST_VERSION. Prints what became of every event that it tried to save: a JSON object of lists of ids.
"""

# ruff: noqa: T201 (its output is for the test that started it)

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from dataclasses import replace

from auditor.aether import NotStoredError, UnknownOutcomeError, VersionConflictError
from auditor.config import NatsConfig
from auditor.errors import ConnectionFailedError
from auditor.jetstream import JetStreamEventStore
from auditor.jetstream.connection.client import connect
from tests.aether.event_store_contract import event
from tests.live.streams import STREAM


async def main(url: str, name: str, last_version: int) -> None:
    outcomes = defaultdict(list)
    client = await connect(NatsConfig(servers=(url,)))
    store = JetStreamEventStore(client, STREAM)
    tried = 0
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        try:
            await client.wait_connected()
            version = await store.get_latest_version("order-1") + 1
            if version > last_version:
                break
            tried += 1
            attempt = f"{name}/{tried}"
            try:
                await store.save_event(replace(event(version), id=attempt))
                outcomes["stored"].append(attempt)
            except (VersionConflictError, NotStoredError) as error:
                outcomes[type(error).__name__].append(attempt)
            except UnknownOutcomeError:
                outcomes["unknown"].append(attempt)
        except ConnectionFailedError:
            await asyncio.sleep(0.05)
    await client.close()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
