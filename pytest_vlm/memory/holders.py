"""What keeps an object alive, by a name that a person can look for."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import CellType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

LEVELS = 16
WIDTH = 16
SECONDS = 2.0


def find_holder(target: weakref.ref[Any]) -> str:
    """The shortest way from a name to the object: ``tests/test_x.py: KEPT[0].model``.

    Walks from the object to what refers to it, level by level, until it meets a module's global or
    a class; the local of a frame is the next best. Stops after two seconds of work or 16 levels: a
    name is a help, not a promise. Locals of running functions are no referrers for Python's
    collector.

    Returns:
        Empty where no name was found, or the object is gone.
    """
    alive = target()
    if alive is None:
        return ""
    above: dict[int, Any] = {}  # object by id -> what it holds on the way to the target
    found = {id(alive): alive}
    level, frame = [alive], None
    del alive
    ours = {id(above), id(found)}
    until = time.thread_time() + SECONDS  # a busy machine shortens no search
    for _ in range(LEVELS):
        reached: list[Any] = []
        skipped = ours | {id(level), id(reached)}
        for parent, child in _referrers(level, found, skipped):
            found[id(parent)], above[id(parent)] = parent, child
            if _is_root(parent):
                return _told(parent, above)
            frame = frame or (parent if isinstance(parent, FrameType) else None)
            reached.append(parent)
        if not reached or time.thread_time() > until:
            break
        level = reached[:WIDTH]
    return _told(frame, above) if frame is not None else ""


def _referrers(
    level: list[Any], found: Mapping[int, Any], skipped: set[int]
) -> Iterator[tuple[Any, Any]]:
    """Each object that refers to one of the level and was not found yet, with what it refers to."""
    below = {id(one): one for one in level}
    parents = gc.get_referrers(*level)
    skipped |= {id(below), id(parents)}
    for parent in parents:
        if id(parent) in skipped or id(parent) in found:
            continue
        child = next((below[id(c)] for c in gc.get_referents(parent) if id(c) in below), None)
        if child is not None:
            yield parent, child


def _is_root(holder: Any) -> bool:
    return isinstance(holder, type | ModuleType) or _is_globals(holder)


def _is_globals(holder: Any) -> bool:
    return isinstance(holder, dict) and "__builtins__" in holder and "__name__" in holder


def _told(root: Any, above: Mapping[int, Any]) -> str:
    chain = [root]
    while id(chain[-1]) in above:
        chain.append(above[id(chain[-1])])
    triples = zip([None, *chain[:-2]], pairwise(chain), strict=True)
    return _begin(root) + "".join(_step(*pair, before) for before, pair in triples)


def _begin(root: Any) -> str:
    if isinstance(root, type):
        return f"the class {root.__module__}.{root.__qualname__}"
    names = root if isinstance(root, dict) else vars(root) if isinstance(root, ModuleType) else {}
    file = names.get("__file__")
    return f"{_readable(file) if file else names['__name__']}: " if names else ""


def _step(holder: Any, held: Any, before: Any) -> str:
    """How one object is reached from the one that holds it, as one would write it."""
    if isinstance(holder, FrameType):
        name = _key(holder.f_locals, held)
        where = f"{_readable(holder.f_code.co_filename)}:{holder.f_lineno}"
        return f"{' ' if before else ''}`{name}` in {holder.f_code.co_name} ({where})"
    if isinstance(holder, TracebackType | CellType) or isinstance(held, CellType):
        return ""
    if isinstance(held, TracebackType):
        if isinstance(holder, BaseException):
            return f", the traceback of {type(holder).__name__}:"
        return f"{_access(holder, held, before)}, a traceback:"
    return _access(holder, held, before)


def _access(holder: Any, held: Any, before: Any) -> str:
    if isinstance(holder, FunctionType) and held is holder.__closure__:
        return f" ({holder.__qualname__} closes over it)"
    if isinstance(holder, MethodType):
        return ".__self__"
    if isinstance(holder, dict):
        key = _key(holder, held)
        if isinstance(before, ModuleType) or _is_globals(holder):
            return str(key)
        belongs = isinstance(before, type) or getattr(before, "__dict__", None) is holder
        return f".{key}" if belongs else f"[{key!r}]"
    if isinstance(holder, list | tuple):
        return f"[{next((i for i, one in enumerate(holder) if one is held), '...')}]"
    if isinstance(holder, type) or getattr(holder, "__dict__", None) is held:
        return ""
    name = _key(_attributes(holder), held)
    return f".{name}" if name != "?" else f" (in a {type(holder).__name__})"


def _attributes(holder: Any) -> dict[str, Any]:
    slots = [name for kind in type(holder).__mro__ for name in _slots(kind)]
    found = {name: _read(holder, name) for name in slots}
    return found | dict(getattr(holder, "__dict__", {}))


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _read(holder: Any, name: str) -> Any:
    try:
        return object.__getattribute__(holder, name)
    except AttributeError:
        return None


def _key(names: Mapping[Any, Any], held: Any) -> Any:
    return next((name for name, one in list(names.items()) if one is held), "?")


def _readable(file: str) -> str:
    path = Path(file)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name
