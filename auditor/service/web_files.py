"""Reads the web configuration file and the certificates that it names, again whenever one of them has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from auditor.config.web import WebConfig, load_web
from auditor.errors import ConfigError
from auditor.service.access import Access

if TYPE_CHECKING:
    from collections.abc import Iterable

log = structlog.get_logger()

Stamp = tuple[int, int, int] | None
"""The inode, the time of the last change and the size of a file. None: it cannot be read."""


class WebFiles:
    """The access rules of the HTTP server, as its files are now."""

    def __init__(self, file: str | None) -> None:
        """Without a `file`, everyone may read everything. Raises ConfigError if the files cannot be used."""
        self._file = Path(file) if file is not None else None
        self._stamps: dict[Path, Stamp] = {}
        self._access = self._read()

    def current(self) -> Access:
        """Return the access rules. If the changed files cannot be used, log why, and return those from before."""
        if self._stamps != _stamps(self._stamps):
            try:
                self._access = self._read()
            except ConfigError as error:
                log.warning("web configuration not reloaded", reason=str(error))
            else:
                log.info("web configuration reloaded", file=str(self._file))
        return self._access

    def _read(self) -> Access:
        if self._file is None:
            return Access(WebConfig(), "")
        # Stamps are taken before reading, so that a change while the files are read is noticed.
        self._stamps = _stamps({*self._stamps, self._file})
        config = load_web(self._file)
        if tls := config.tls_server_config:
            named = {Path(file) for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file is not None}
            self._stamps = {self._file: self._stamps[self._file], **_stamps(named)}
        return Access(config, str(self._file))


def _stamps(files: Iterable[Path]) -> dict[Path, Stamp]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
