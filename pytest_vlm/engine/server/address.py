"""Where a server is: ``http://host:8000/v1#model``, and the key for it from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import unquote, urlsplit

from pytest_vlm.checkpoint.redaction import redact
from pytest_vlm.errors import SettingsError

KEY = "VLM_API_KEY"


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """A server that speaks OpenAI's chat protocol.

    Attributes:
        base: up to the version, without a slash at the end.
        host: its name or number.
        model: empty where the address names none.
    """

    base: str
    host: str
    model: str

    @classmethod
    def parse(cls, source: str) -> Self:
        """Read ``http(s)://host[:port]/path[#model]``.

        Raises:
            SettingsError: it is none, or holds a user, a password or a query.
        """
        shown = redact(source)
        try:
            parts = urlsplit(source)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise SettingsError(f"{shown!r} is no address of a server: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise SettingsError(
                f"{shown!r} is no address of a server; write http://host:8000/v1#model"
            )
        if "@" in parts.netloc or parts.query:
            raise SettingsError(
                f"the server's address {shown!r} holds a user or a query, which would end up in "
                f"reports; give the key in the environment variable {KEY}"
            )
        return cls(
            base=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
            host=host,
            model=unquote(parts.fragment),
        )

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def readable_by_others(self) -> bool:
        """Whether what is sent to it crosses a network unencrypted."""
        return self.base.startswith("http:") and not self.here


@dataclass(frozen=True)
class ApiKey:
    """A key and the variable that holds it; it prints as the name alone.

    Attributes:
        variable: its name.
        secret: empty where the variable is not set.
    """

    variable: str
    secret: str

    def __repr__(self) -> str:
        return f"ApiKey({self.variable!r})"

    @classmethod
    def of(cls, checkpoint: str) -> Self:
        """``VLM_API_KEY_B`` for the checkpoint ``B``, else ``VLM_API_KEY``.

        Raises:
            SettingsError: it cannot be sent, such as two lines.
        """
        own = f"{KEY}_{re.sub(r'[^A-Za-z0-9]', '_', checkpoint).upper()}"
        variable = own if own in os.environ else KEY
        secret = os.environ.get(variable, "").strip()
        if not all("!" <= letter <= "~" for letter in secret):
            raise SettingsError(f"{variable} holds more than one word of ASCII; give the key alone")
        return cls(variable, secret)
