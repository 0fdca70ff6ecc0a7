"""What ``--checkpoint`` names: ``[NAME=]SOURCE[@REV][?key=value&...]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from pytest_vlm.checkpoint.redaction import redact
from pytest_vlm.errors import SettingsError
from pytest_vlm.settings import LoadSettings

NAME = re.compile(r"[A-Za-z0-9._-]+")
TRUST = "trust_remote_code"


@dataclass(frozen=True, kw_only=True)
class CheckpointSpec:
    """One checkpoint as the command line names it.

    Attributes:
        name: how it is called in tests, verdicts and reports.
        source: a path, or a hub id.
        revision: of a hub id; None for the default one.
        load: how it is loaded.
        trust_remote_code: whether code that lies in the checkpoint may be run. Of one checkpoint
            only: no option and no ini file sets it for all.
    """

    name: str
    source: str
    revision: str | None = None
    load: LoadSettings = LoadSettings()
    trust_remote_code: bool = False

    def __str__(self) -> str:
        return self.name

    def argument(self) -> str:
        """What to give to ``--checkpoint`` for the same checkpoint, loaded the same way."""
        revision = f"@{self.revision}" if self.revision else ""
        changed = {k: v for k, v in asdict(self.load).items() if v != getattr(LoadSettings(), k)}
        trusted = {TRUST: "yes"} if self.trust_remote_code else {}
        query = f"?{urlencode(changed | trusted)}" if changed or trusted else ""
        return f"{self.name}={self.source}{revision}{query}"


def parse_checkpoint(text: str, load: LoadSettings = LoadSettings()) -> CheckpointSpec:
    """Parse one ``--checkpoint`` value; a path that exists wins over ``NAME=``.

    Raises:
        SettingsError: an illegal name, an unknown key, no source, or a secret in it.
    """
    source, _, query = text.partition("?")
    if Path(text).exists():
        source, query = text, ""
    shown = redact(text)
    name, revision = "", None
    if not Path(source).exists():
        before, equals, after = source.partition("=")
        if equals:
            name, source = before, after
            _check_name(name, shown)
    if redact(f"?{query}") != f"?{query}" or (shown != text and not Path(source).exists()):
        raise SettingsError(
            f"--checkpoint {shown!r} holds a secret, which would end up in reports and in the list "
            "of processes; log in with: hf auth login, or set HF_TOKEN"
        )
    if not source:
        raise SettingsError(
            f"--checkpoint {shown!r} names no checkpoint; write NAME=path/to/folder"
        )
    if not Path(source).exists() and "@" in source:
        source, _, revision = source.rpartition("@")
    if not name:
        name = Path(source).name or Path(source).resolve().name
        _check_name(name, shown)
    changes = dict(parse_qsl(query, keep_blank_values=True))
    trusted = changes.pop(TRUST, "no")
    if trusted not in ("yes", "no"):
        raise SettingsError(f"--checkpoint {shown!r}: {TRUST} is yes or no, not {trusted!r}")
    return CheckpointSpec(
        name=name,
        source=source,
        revision=revision,
        load=_override(load, changes, shown),
        trust_remote_code=trusted == "yes",
    )


def parse_checkpoints(
    texts: Iterable[str], load: LoadSettings = LoadSettings()
) -> tuple[CheckpointSpec, ...]:
    """Parse all of them; the first is the baseline.

    Raises:
        SettingsError: as `parse_checkpoint`, or two of one name.
    """
    specs: dict[str, CheckpointSpec] = {}
    for text in texts:
        spec = parse_checkpoint(text, load)
        if spec.name in specs:
            raise SettingsError(
                f"two checkpoints are called {spec.name!r} ({specs[spec.name].source} and "
                f"{spec.source}); name them apart: --checkpoint A=... --checkpoint B=..."
            )
        specs[spec.name] = spec
    return tuple(specs.values())


def _check_name(name: str, text: str) -> None:
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"--checkpoint {text!r}: the name {name!r} may only hold letters, digits, '.', '_' "
            "and '-'; write NAME=path/to/folder"
        )


def _override(load: LoadSettings, changes: dict[str, str], text: str) -> LoadSettings:
    known = {field.name for field in fields(LoadSettings)}
    for key in changes:
        if key not in known:
            raise SettingsError(
                f"--checkpoint {text!r}: unknown setting {key!r}; "
                f"known are {', '.join(sorted(known))}, {TRUST}"
            )
    return replace(load, **changes)
