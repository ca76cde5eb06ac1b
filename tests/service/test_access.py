"""Which client may read what."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import bcrypt
import pytest

from auditor.config.web import TlsServerConfig, WebConfig
from auditor.service.access import Access

TLS = Path(__file__).parents[1] / "live" / "tls"
CERTIFICATE = {"subject": ((("commonName", "client"),),), "subjectAltName": (("DNS", "prometheus.example"),)}


def access(auth_type: str, *allowed: str) -> Access:
    tls = TlsServerConfig.model_validate(
        {
            "cert_file": str(TLS / "server.pem"),
            "key_file": str(TLS / "server-key.pem"),
            "client_ca_file": str(TLS / "ca.pem"),
            "client_auth_type": auth_type,
            "client_allowed_sans": allowed,
        }
    )
    return Access(WebConfig(tls_server_config=tls), "web.yaml")


def test_without_tls_no_certificate_is_required() -> None:
    assert Access(WebConfig(), "").allows_certificate(None)
    assert Access(WebConfig(), "").tls_context is None


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_client_without_a_certificate_is_refused_only_where_one_is_required(nothing: dict | None) -> None:
    assert not access("RequireAndVerifyClientCert").allows_certificate(nothing)
    assert access("VerifyClientCertIfGiven").allows_certificate(nothing)


def test_a_client_whose_certificate_has_no_allowed_name_is_refused() -> None:
    for auth_type in ("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"):
        assert access(auth_type).allows_certificate(CERTIFICATE)
        assert access(auth_type, "other", "prometheus.example").allows_certificate(CERTIFICATE)
        assert not access(auth_type, "other").allows_certificate(CERTIFICATE)


async def test_without_users_no_login_is_required() -> None:
    assert await Access(WebConfig(), "").allows_login("")


async def test_a_login_is_read_from_the_header_and_everything_else_is_refused() -> None:
    stored = bcrypt.hashpw("pä:ss".encode(), bcrypt.gensalt(4)).decode()
    users = Access(WebConfig(basic_auth_users={"prometheus": stored}), "web.yaml")

    def encoded(text: str) -> str:
        return b64encode(text.encode()).decode()

    good = encoded("prometheus:pä:ss")
    for header in (f"Basic {good}", f"basic {good}", f"BASIC  {good}"):
        assert await users.allows_login(header)
    for header in (
        "",
        "Basic",
        "Basic ",
        f"Bearer {good}",
        good,
        f"Basic {good}!",
        f"Basic {good[:-5]}",
        "Basic \xff",
        f"Basic {b64encode(bytes([255, 58])).decode()}",
        f"Basic {encoded('prometheus')}",
        f"Basic {encoded('prometheus:')}",
        f"Basic {encoded(':pä:ss')}",
        f"Basic {encoded('prometheus:wrong')}",
    ):
        assert not await users.allows_login(header)
