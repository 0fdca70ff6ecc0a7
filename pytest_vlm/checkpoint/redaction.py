"""Secrets that a text must not carry into a message, a report or a command line."""

from __future__ import annotations

import re

HIDDEN = "***"
SECRETS = (
    re.compile(r"()\bhf_[A-Za-z0-9]{16,}()"),
    re.compile(r"((?:^|[^\w])[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@?#]+(@)"),
    re.compile(
        r"(?i)([?&;#\s](?:[\w-]*token|api[_-]?key|key|password|secret|authorization|signature)=)"
        r"[^&#\s'\"]+()"
    ),
    re.compile(r"(?i)(\bbearer\s+)[^\s'\"]+()"),
)


def redact(text: str) -> str:
    """The text with ``***`` in place of Hugging Face tokens, keys and the user part of a URL."""
    for secret in SECRETS:
        text = secret.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    return text
