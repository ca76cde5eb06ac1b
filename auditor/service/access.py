"""Decides which HTTP requests are answered: those of known users with a verified certificate, where these are configured."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from auditor.service.passwords import Passwords
from auditor.service.tls import alternative_names, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

    from auditor.config.web import WebConfig

OPEN_PATHS = ("/livez", "/readyz")
"""The health checks need neither a certificate nor a user: the kubelet has none."""


class Access:
    """Who may read what, as one version of the web configuration file says."""

    def __init__(self, config: WebConfig, source: str) -> None:
        """Raises ConfigError, which names `source`, if a file of the TLS settings cannot be used."""
        self._tls = config.tls_server_config
        self._passwords = Passwords(config.basic_auth_users) if config.basic_auth_users else None
        self.tls_context: ssl.SSLContext | None = server_context(self._tls, source) if self._tls else None
        """The context of new connections. None: HTTP without TLS."""

    def allows_certificate(self, certificate: Mapping[str, Any] | None) -> bool:
        """Return whether a client with this verified certificate, or with none, may read more than the health checks."""
        if self._tls is None:
            return True
        if not certificate:
            return self._tls.client_auth_type != "RequireAndVerifyClientCert"
        allowed = self._tls.client_allowed_sans
        return not allowed or not set(allowed).isdisjoint(alternative_names(certificate))

    async def allows_login(self, authorization: str) -> bool:
        """Return whether the header `authorization` has a known user with its password, where users are configured."""
        if self._passwords is None:
            return True
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:  # not base64, or not UTF-8
            return False
        return bool(colon) and await self._passwords.are_correct(user, password)
