"""The TLS context has the versions and the certificates of its configuration."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from auditor.config.web import TlsServerConfig
from auditor.errors import ConfigError
from auditor.service.tls import alternative_names, server_context

TLS = Path(__file__).parents[1] / "live" / "tls"


def configured(**settings: str) -> TlsServerConfig:
    files = {"cert_file": str(TLS / "server.pem"), "key_file": str(TLS / "server-key.pem")}
    return TlsServerConfig.model_validate({**files, **settings})


def test_versions_below_the_lowest_and_above_the_highest_are_not_offered() -> None:
    context = server_context(configured(max_version="TLS12"), "web.yaml")
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    context = server_context(configured(min_version="TLS13"), "web.yaml")
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


def test_the_certificate_of_a_client_is_requested_where_a_ca_is_configured_and_not_demanded() -> None:
    """The health checks have none; whether the others need one is decided for each request."""
    assert server_context(configured(), "web.yaml").verify_mode is ssl.CERT_NONE
    mutual = configured(client_auth_type="RequireAndVerifyClientCert", client_ca_file=str(TLS / "ca.pem"))
    assert server_context(mutual, "web.yaml").verify_mode is ssl.CERT_OPTIONAL


@pytest.mark.parametrize("name", ["cert_file", "key_file", "client_ca_file"])
@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_a_file_that_is_no_certificate_or_key_is_named_in_one_line(
    tmp_path: Path, name: str, content: str | None
) -> None:
    path = tmp_path / "damaged.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        server_context(configured(**{name: str(path)}), "web.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith("tls_server_config.")
    assert str(path) in problem
    assert "\n" not in problem


def test_a_file_without_an_end_is_not_read_to_it() -> None:
    with pytest.raises(ConfigError, match="it is longer than"):
        server_context(configured(client_ca_file="/dev/zero"), "web.yaml")


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(ENCRYPTED_KEY)
    with pytest.raises(ConfigError, match="its unencrypted key"):
        server_context(configured(key_file=str(path)), "web.yaml")


def test_the_names_of_a_certificate_are_compared_in_one_form() -> None:
    names = (("DNS", "a.example"), ("IP Address", "0:0:0:0:0:0:0:1"), ("URI", "spiffe://a/b"))
    assert [*alternative_names({"subjectAltName": names})] == ["a.example", "::1", "spiffe://a/b"]
    assert [*alternative_names({})] == []


ENCRYPTED_KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi2/wwPf0fQiQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJest+kz3S2jUafLhnrF6cUEgZA6
VrEn78N9/VAlFVPqYmcoMelE9oNt2rv4o1MPYzV0mfH2ovlxgMQCpgnZxSiyP2aA
nAxWW/kxr3Y8VPG8J+n7Nh6dySt/bd5RwwODA6P+TRmEs+9oDN1U2QKFhO19RCSs
q/ChNR405TdGCfUW0oa0Sm1E/XKYJ9heiDtAcf8qN6DZROdb7aFfWVoOYkKXd4Y=
-----END ENCRYPTED PRIVATE KEY-----
"""
