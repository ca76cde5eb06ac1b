"""Changed files are used for the next request, and unusable ones are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from auditor.errors import ConfigError
from auditor.service.web_files import WebFiles

TLS = Path(__file__).parents[1] / "live" / "tls"
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
OPEN = "tls_server_config: {cert_file: server.pem, key_file: server-key.pem}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("server.pem", "server-key.pem", "ca.pem"):
        shutil.copy(TLS / name, tmp_path)
    (tmp_path / "web.yaml").write_text(OPEN)
    return tmp_path / "web.yaml"


def replace(path: Path, text: str) -> None:
    """Write `text` as another file and move it to `path`, as a Secret is updated."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.rename(path)


def test_without_a_file_nothing_is_required() -> None:
    assert WebFiles(None).current().tls_context is None


def test_files_that_have_not_changed_are_not_read_again(file: Path) -> None:
    files = WebFiles(str(file))
    assert files.current() is files.current()


@pytest.mark.parametrize("changed", ["web.yaml", "server.pem", "server-key.pem", "ca.pem"])
def test_a_change_of_each_file_is_used(file: Path, changed: str) -> None:
    file.write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server-key.pem, client_ca_file: ca.pem,"
        " client_auth_type: VerifyClientCertIfGiven}"
    )
    files = WebFiles(str(file))
    before = files.current()
    path = file.with_name(changed)
    replace(path, path.read_text())
    assert files.current() is not before
    assert files.current() is files.current()


def test_a_user_can_be_added_and_tls_can_be_removed(file: Path) -> None:
    files = WebFiles(str(file))
    assert files.current().tls_context is not None
    replace(file, f"basic_auth_users: {{a: {HASH}}}")
    assert files.current().tls_context is None


@pytest.mark.parametrize("damaged", ["web.yaml", "server.pem"])
def test_while_a_file_cannot_be_used_the_earlier_ones_are_kept_and_the_log_says_so_once(
    file: Path, damaged: str
) -> None:
    files = WebFiles(str(file))
    before = files.current()
    path = file.with_name(damaged)
    good = path.read_text()
    with capture_logs() as logged:
        replace(path, "- damaged")
        assert files.current() is before
        assert files.current() is before
        path.unlink()
        assert files.current() is before
        path.write_text(good)
        assert files.current() is not before
    assert [line["event"] for line in logged] == [
        "web configuration not reloaded",
        "web configuration not reloaded",
        "web configuration reloaded",
    ]
    assert all("\n" not in line.get("reason", "") for line in logged)


def test_a_certificate_that_is_replaced_before_its_key_is_used_once_the_key_is_there(file: Path) -> None:
    files = WebFiles(str(file))
    before = files.current()
    replace(file.with_name("server.pem"), (TLS / "client.pem").read_text())
    assert files.current() is before
    replace(file.with_name("server-key.pem"), (TLS / "client-key.pem").read_text())
    assert files.current() is not before


def test_a_start_with_an_unusable_file_is_an_error(file: Path) -> None:
    file.with_name("server.pem").unlink()
    with pytest.raises(ConfigError, match=r"tls_server_config\.cert_file"):
        WebFiles(str(file))
