"""``python -m app``: the development microscope, on the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NoReturn

from app.server import listen, private_environment
from pytest_vlm.errors import VlmError
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parent / "digits"
DEMO_CHECKPOINTS = (f"A={DIGITS / 'checkpoints/weak'}", f"B={DIGITS / 'checkpoints/strong'}")
DEMO_SAMPLES = DIGITS / "heldout" / "samples.jsonl"
NOT_USABLE = 2

EXAMPLE = """\
examples:
  python -m app
      the two demo checkpoints, with pictures they have never seen
  python -m app --checkpoint A=runs/before --checkpoint B=runs/after --samples my.jsonl
      your checkpoints; your samples are offered as examples

When the page can be opened, one line of JSON is printed: {"url": "http://127.0.0.1:PORT"}.
Ctrl-C ends the app and removes what was uploaded.
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; without checkpoints it names the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Ask several checkpoints one question about a picture, side by side.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--checkpoint",
        action="append",
        metavar="[NAME=]SOURCE",
        help="a checkpoint; give one for each card (default: the two demo checkpoints)",
    )
    parser.add_argument(
        "--samples", type=Path, metavar="FILE.jsonl", help="samples to offer as examples"
    )
    parser.add_argument("--engine", default="local", help="local or fake (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: a free one)")
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=GenerationSettings.max_new_tokens,
        metavar="N",
        help="longest answer (%(default)s tokens)",
    )
    parser.add_argument("--system-prompt", metavar="TEXT", help="put before each question")
    chosen = parser.parse_args(arguments)
    if not chosen.checkpoint:
        chosen.checkpoint = list(DEMO_CHECKPOINTS)
        chosen.samples = chosen.samples or DEMO_SAMPLES
    return chosen


def settings_of(chosen: argparse.Namespace) -> Settings:
    """What the session is asked to do."""
    return Settings(
        checkpoints=tuple(chosen.checkpoint),
        samples=chosen.samples,
        engine=chosen.engine,
        max_loaded=len(chosen.checkpoint),
        generation=GenerationSettings(
            max_new_tokens=chosen.max_new_tokens, system_prompt=chosen.system_prompt
        ),
    )


def serve(chosen: argparse.Namespace) -> str:
    """Check, load, and listen in the background; gives the URL.

    Raises:
        VlmError: a checkpoint or a samples file that is not usable.
        OSError: the port is taken, or the host is not this machine.
    """
    session = Session(settings_of(chosen))
    session.preflight()

    from app.examples import askable, choose_examples
    from app.microscope import Microscope

    samples = askable(session.samples) if chosen.samples is not None else []
    microscope = Microscope(session, samples)
    microscope.load()

    from app.page import build_page
    from app.question import LARGEST_FILE

    page = build_page(microscope, choose_examples(samples))
    return listen(page, chosen.host, chosen.port, LARGEST_FILE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; 2 where something given is not usable."""
    chosen = parse_arguments(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    ready = sys.stdout
    try:
        with redirect_stdout(sys.stderr), private_environment():
            url = serve(chosen)
            print(json.dumps({"url": url}), file=ready, flush=True)
            threading.Event().wait()
    except (VlmError, OSError) as error:
        print(f"python -m app: {error}", file=sys.stderr)
        return NOT_USABLE
    except SystemExit:
        return 0
    return 0


def _end(number: int, frame: object) -> NoReturn:
    """Unwind the main thread once; a second signal must not interrupt the cleaning up."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise SystemExit(0)


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # A thread in the middle of an answer, or a browser that keeps its connection, would hold an
    # ordinary exit back for as long as they please.
    os._exit(code)
