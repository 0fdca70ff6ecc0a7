"""What ``--checkpoint`` names: ``[NAME=]SOURCE[@REV][?key=value&...]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit

from pytest_vlm.checkpoint.redaction import redact
from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.size import parse_size
from pytest_vlm.settings import LoadSettings

NAME = re.compile(r"[A-Za-z0-9._-]+")
SERVERS = ("http://", "https://")
REGISTRY = "models:/"
ADDRESS = re.compile("[a-z][a-z0-9+.-]*://")
BASE, BUDGET, TRUST, WEIGHTS = "base", "budget", "trust_remote_code", "weights"


@dataclass(frozen=True, kw_only=True)
class CheckpointSpec:
    """One checkpoint as the command line names it.

    Attributes:
        name: how it is called in tests, verdicts and reports.
        source: a folder, a delta's file, a hub id, ``models:/NAME@ALIAS`` of a registry, or
            ``http(s)://HOST/v1#MODEL`` of a server.
        revision: of a hub id; None for the default one.
        base: what a delta or an adapter is put over; None where its own files say it.
        budget: the most memory that its tests may take, in bytes; None for no limit.
        load: how it is loaded.
        trust_remote_code: whether code that lies in the checkpoint may be run. Of one checkpoint
            only: no option and no ini file sets it for all.
        weights: what a server serves, as a folder, a delta's file or a hub id: relevance maps of
            the server's answers are made here with it. None where the server alone has it.
    """

    name: str
    source: str
    revision: str | None = None
    base: str | None = None
    budget: int | None = None
    load: LoadSettings = LoadSettings()
    trust_remote_code: bool = False
    weights: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def on_server(self) -> bool:
        """Whether a server answers for it, so that nothing of it lies here."""
        return self.source.startswith(SERVERS)

    @property
    def explained_by(self) -> CheckpointSpec:
        """What makes the maps of its answers: itself, or the weights that its server has."""
        if self.weights is None:
            return self
        source, revision = split_revision(self.weights)
        return replace(self, source=source, revision=revision, weights=None)

    def argument(self) -> str:
        """What to give to ``--checkpoint`` for the same checkpoint, loaded the same way."""
        revision = f"@{self.revision}" if self.revision else ""
        keys: dict[str, str | int] = {} if self.base is None else {BASE: self.base}
        keys |= {k: v for k, v in asdict(self.load).items() if v != getattr(LoadSettings(), k)}
        keys |= {} if self.budget is None else {BUDGET: self.budget}
        keys |= {TRUST: "yes"} if self.trust_remote_code else {}
        keys |= {} if self.weights is None else {WEIGHTS: self.weights}
        query = f"?{urlencode(keys, quote_via=quote, safe='/:@')}" if keys else ""
        return f"{self.name}={self.source}{revision}{query}"


def parse_checkpoint(text: str, load: LoadSettings = LoadSettings()) -> CheckpointSpec:
    """Parse one ``--checkpoint`` value; a path that exists wins over ``NAME=``.

    Raises:
        SettingsError: an illegal name, an unknown key or value, no source, an address without a
            model, weights of what is no server, a revision of what lies here, or a secret in it.
    """
    source, _, query = text.partition("?")
    if _exists(text):
        source, query = text, ""
    shown = redact(text)
    name = ""
    if not _exists(source) and not source.startswith((*SERVERS, REGISTRY)):
        before, equals, after = source.partition("=")
        if equals:
            name, source = before, after
            _check_name(name, shown)
    if redact(f"?{query}") != f"?{query}" or (shown != text and not _exists(source)):
        instead = "log in with: hf auth login, or set HF_TOKEN"
        if source.startswith(SERVERS):
            instead = "give the server's key in the environment variable VLM_API_KEY"
        raise SettingsError(
            f"--checkpoint {shown!r} holds a secret, which would end up in reports and in the list "
            f"of processes; {instead}"
        )
    if not source:
        raise SettingsError(
            f"--checkpoint {shown!r} names no checkpoint; write NAME=path/to/folder"
        )
    changes = _changes(query, shown)
    if source.startswith(SERVERS):
        _check_address(source, changes, shown)
    elif ADDRESS.match(source) and not _exists(source):
        raise SettingsError(
            f"--checkpoint {shown!r}: checkpoints come from folders, the hub, models:/NAME@ALIAS "
            "and http(s)://HOST/v1#MODEL; copy it into a folder first"
        )
    elif WEIGHTS in changes:
        raise SettingsError(
            f"--checkpoint {shown!r}: weights are what a server's model is explained with; of a "
            "checkpoint that is loaded here they are the checkpoint itself"
        )
    source, revision = split_revision(source)
    if revision is not None and _exists(source):
        raise SettingsError(
            f"--checkpoint {shown!r}: {source} lies here, and has no revision {revision!r}; leave "
            f"out @{revision}"
        )
    if not name:
        name = _own_name(source)
        _check_name(name, shown)
    trusted = changes.pop(TRUST, "no")
    if trusted not in ("yes", "no"):
        raise SettingsError(f"--checkpoint {shown!r}: {TRUST} is yes or no, not {trusted!r}")
    base, budget, weights = (changes.pop(key, None) for key in (BASE, BUDGET, WEIGHTS))
    try:
        load = replace(load, **changes)
    except SettingsError as error:
        raise SettingsError(f"--checkpoint {shown!r}: {error}") from None
    return CheckpointSpec(
        name=name,
        source=source,
        revision=revision,
        base=_files(BASE, base, shown),
        budget=_budget(budget, shown),
        load=load,
        trust_remote_code=trusted == "yes",
        weights=_files(WEIGHTS, weights, shown),
    )


def split_revision(source: str) -> tuple[str, str | None]:
    """``org/model@v1`` as its hub id and its revision; of anything else there is no revision."""
    if source.startswith((*SERVERS, REGISTRY)) or "@" not in source or _exists(source):
        return source, None
    before, _, revision = source.rpartition("@")
    return before, revision


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


def _own_name(source: str) -> str:
    """Of a server's model and of a registered one, not what stands last."""
    if source.startswith(SERVERS):
        address = urlsplit(source)
        return address.fragment.rpartition("/")[2] or str(address.hostname)
    if source.startswith(REGISTRY):
        return re.split("[/@]", source.removeprefix(REGISTRY))[0]
    return Path(source).name or Path(source).resolve().name


def _changes(query: str, text: str) -> dict[str, str]:
    known = {field.name for field in fields(LoadSettings)} | {BASE, BUDGET, TRUST, WEIGHTS}
    changes: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        # Unlike a form's, a path's + is no space.
        key, value = (unquote(part) for part in (*pair.split("=", 1), "")[:2])
        if key not in known:
            raise SettingsError(
                f"--checkpoint {text!r}: unknown setting {key!r}; "
                f"known are {', '.join(sorted(known))}"
            )
        if key in changes:
            raise SettingsError(
                f"--checkpoint {text!r}: {key} is given twice, as {changes[key]!r} and {value!r}"
            )
        changes[key] = value
    return changes


def _check_address(source: str, changes: dict[str, str], text: str) -> None:
    try:
        address = urlsplit(source)
        usable = bool(address.hostname) and (address.port is None or address.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            f"--checkpoint {text!r} is no address of a server; write http://HOST:PORT/v1#MODEL"
        )
    for key in (BASE, TRUST):
        if key in changes and WEIGHTS not in changes:
            raise SettingsError(
                f"--checkpoint {text!r}: {key} is for files, and a server's model has none here"
            )


def _files(key: str, given: str | None, text: str) -> str | None:
    if given is None:
        return None
    if not given or given.startswith(SERVERS):
        raise SettingsError(
            f"--checkpoint {text!r}: {key} is a folder or a hub id; write ?{key}=path/to/{key}"
        )
    return given


def _budget(given: str | None, text: str) -> int | None:
    if given is None:
        return None
    try:
        budget = parse_size(given)
    except SettingsError as error:
        raise SettingsError(f"--checkpoint {text!r}: budget: {error}") from None
    if budget == 0:
        raise SettingsError(f"--checkpoint {text!r}: a budget of 0 leaves no room for anything")
    return budget


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # such as a name that is too long
        return False
