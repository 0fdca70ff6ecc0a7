"""Secrets that a text must not carry into a message, a report or a command line."""

from __future__ import annotations

import re

HIDDEN = "***"
NAMED = (
    r"(?:token|secret|password|passwd|signature|credential|authorization|(?:api|access)[_-]?key)"
)
SECRETS = (
    re.compile(r"()(?:\bhf_[A-Za-z0-9]{16,}|hf_[A-Za-z0-9]{30,})()"),
    # Behind "sk-" some have words; a name such as "sk-learn-baseline" has no such run of letters.
    re.compile(r"()\bsk-[\w-]{0,200}?[A-Za-z0-9]{20}[\w-]*()"),
    # A password may hold an @: up to the last one before the path.
    re.compile(r"((?:^|[^\w])[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s?#]+(@)"),
    re.compile(rf"(?i)([?&;#\s'\"](?:[\w-]*{NAMED}|key|sig)=)[^&#\s'\"]+()"),
    re.compile(r"(\b[A-Z][A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|KEY)=)[^&#\s'\"]+()"),
    re.compile(rf"(?i)(--(?:[\w-]*{NAMED}|key)(?:=|\s+(?!-))['\"]?)[^\s'\"]+()"),
    re.compile(
        r"(?i)(\bauthorization['\"]?\s{0,4}:\s{0,4}['\"]?(?:(?:bearer|basic|token)\s+)?)[^\s'\"]+()"
    ),
    re.compile(r"(?i)(\bbearer\s+)[^\s'\"]+()"),
)


def redact(text: str) -> str:
    """The text with ``***`` in place of tokens, keys, passwords and the user part of a URL."""
    for secret in SECRETS:
        text = secret.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    return text
