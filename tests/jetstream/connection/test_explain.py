"""Explanations of connection errors."""

from __future__ import annotations

import socket
import ssl

import pytest
from nats import errors

from auditor.jetstream.connection.explain import explain_error, permission_error, redact_url


def certificate(verify_code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = verify_code, "what OpenSSL says"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 4222)"),
            "connection refused: check that the server runs",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known: check that the server runs"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (TimeoutError(), "no answer within a few seconds"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "no TLS with the server"),
        (
            errors.Error("nats: 'Authorization Violation'"),
            "the server refuses the credentials (Authorization Violation)",
        ),
        (certificate(10), "the certificate of the server has expired: renew it"),
        (certificate(62), "is for another host (what OpenSSL says): use its name in nats.servers"),
        (certificate(20), "is not trusted (what OpenSSL says): set nats.tls.ca_file"),
        (
            ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"),
            "the server wants a client certificate",
        ),
        (errors.AuthorizationError(), "the server refuses the credentials"),
        (errors.SecureConnWantedError(), "the server offers no TLS"),
        (
            errors.Error("nats: empty response from server when expecting INFO message"),
            "no NATS server answers there: check",
        ),
        (errors.Error("several\nlines\r\nof text"), "several lines of text"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_the_explanation_of_an_error_is_part_of_a_line_and_says_what_to_check(error, words):
    assert words in explain_error(error)
    assert "\n" not in explain_error(error)


def test_an_address_is_shown_without_user_and_password():
    assert redact_url("nats://user:p@ss@host:4222") == "nats://host:4222"
    assert redact_url("token@host") == "nats://host"
    assert redact_url("tls://host:4222") == "tls://host:4222"


@pytest.mark.parametrize(
    ("subject", "allow"),
    [
        ("$JS.API.STREAM.INFO.S", "$JS.API.STREAM.INFO.S"),
        ("$JS.API.CONSUMER.CREATE.S.auditor-1.S.events.>", "$JS.API.CONSUMER.CREATE.S.>"),
        ("$JS.API.CONSUMER.MSG.NEXT.S.auditor-1", "$JS.API.CONSUMER.MSG.NEXT.S.*"),
        ("$JS.API.CONSUMER.INFO.S.auditor-1", "$JS.API.CONSUMER.INFO.S.*"),
    ],
)
def test_a_permission_error_names_the_subject_to_allow_for_every_walk(subject, allow):
    assert (
        str(permission_error("publish", subject))
        == f"NATS does not let this user publish to {subject}: allow {allow} in its permissions"
    )
