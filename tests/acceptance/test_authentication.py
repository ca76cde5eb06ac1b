"""The auditor works with every way of authentication and only the permissions of deploy/nats."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.canary.stream import CANARY
from auditor.config import AuditConfig, Config
from auditor.jetstream.permissions import to_publish, to_subscribe
from tests.acceptance.conftest import Guarded, Way, auditor, by_password, totals
from tests.decentralized import Operator, new_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TLS = Path(__file__).parents[1] / "live" / "tls"


def password(folder: Path) -> Way:
    return by_password()


def nkey(folder: Path) -> Way:
    server, users = by_password()
    for user in users:
        key = new_key()
        server, replaced = re.subn(rf"user: {user}, password: \$\w+", f"nkey: {key.public}", server)
        assert replaced == 1
        (folder / f"{user}.nk").write_text(key.seed)
    return Way(server, {user: {"nkey_seed_file": str(folder / f"{user}.nk")} for user in users})


def creds(folder: Path) -> Way:
    operator = Operator()
    config = Config(audits=(AuditConfig(name="orders", stream="ORDERS"),))
    (folder / "administrator.creds").write_text(operator.creds())
    (folder / "auditor.creds").write_text(
        operator.creds(
            publish=[need.subject for need in to_publish(config, CANARY)],
            subscribe=[need.subject for need in to_subscribe(config)],
        )
    )
    users = ("administrator", "auditor")
    return Way(operator.settings, {user: {"credentials_file": str(folder / f"{user}.creds")} for user in users})


def tls(folder: Path, *, mutual: bool = False) -> Way:
    server, users = by_password()
    theirs = {"cert_file": "server.pem", "key_file": "server-key.pem", "ca_file": "ca.pem"}
    ours = {"ca_file": "ca.pem"}
    if mutual:
        ours |= {"cert_file": "client.pem", "key_file": "client-key.pem"}
    theirs, ours = ({name: str(TLS / file) for name, file in files.items()} for files in (theirs, ours))
    return Way(
        f"{server}\ntls: {json.dumps(theirs | {'verify': mutual})}",
        {user: settings | {"tls": ours} for user, settings in users.items()},
    )


def mutual_tls(folder: Path) -> Way:
    return tls(folder, mutual=True)


@pytest.mark.parametrize("way", [password, nkey, creds, tls, mutual_tls])
async def test_all_seeded_damage_is_found_and_other_users_are_refused(
    way: Callable[[Path], Way], guarding: Callable[[Way], Awaitable[Guarded]], tmp_path: Path
) -> None:
    guarded = await guarding(way(tmp_path))
    assert (await auditor("provision", "--config", guarded.config("administrator"))).code == 0
    config = guarded.config("auditor")
    checked = (await auditor("doctor", "--config", config)).out
    assert "✓ may publish to all subjects that it needs (20)" in checked
    assert "which it does not need" not in checked
    scanned = await auditor("scan", "--config", config, "--json")
    assert (scanned.code, scanned.err) == (2, "")
    (audit,) = scanned.json["audits"]
    assert audit["findings_total"] == totals(guarded.seeded)
    assert audit["quarantine_pending"] == 0
    guarded.users["stranger"] = {}
    refused = await auditor("scan", "--config", guarded.config("stranger"))
    assert refused.code == 1
    assert "cannot connect to NATS" in refused.said
