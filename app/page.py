"""The page and the endpoint: one Gradio app over a `Microscope`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.utils import get_upload_folder

from app.cards import EMPTY, render_comparison
from app.examples import write_picture
from app.gallery import ON_LOAD, render_gallery
from app.microscope import Comparison, Microscope
from app.question import LONGEST_QUERY, Refusal
from pytest_vlm.errors import VlmError
from pytest_vlm.evaluation.samples import Sample

CLEANED_EVERY = 3_600
KEPT_FOR = 86_400

HEADING = """
<header class="mic-heading">
  <h1>Microscope</h1>
  <p>One picture, one question: what each checkpoint answers, where it looks, what it costs.</p>
</header>
"""

# On a narrow screen the answers stand below everything else.
BRING_INTO_VIEW = """
() => {
  const results = document.getElementById('mic-results');
  if (results.getBoundingClientRect().top > innerHeight * 0.6)
    results.scrollIntoView({behavior: 'smooth'});
}
"""


class AskFailed(gr.Error):
    """What a person or a client is told; the terminal stays quiet unless a traceback helps."""

    def __init__(self, title: str, message: str, *, traceback: bool = False) -> None:
        # The page shows both as HTML.
        super().__init__(
            escape(message, quote=False),
            title=escape(title, quote=False),
            print_exception=traceback,
        )


def build_page(microscope: Microscope, examples: Sequence[Sample]) -> gr.Blocks:
    """The Compare tab and the endpoint ``/compare``; both ask the same microscope."""
    page = gr.Blocks(title="Microscope", delete_cache=(CLEANED_EVERY, KEPT_FOR), fill_width=True)
    with page:
        gr.HTML(HEADING)
        with gr.Tab("Compare"):
            _compare_tab(microscope, examples)
        api(
            _endpoint(microscope),
            api_name="compare",
            concurrency_id="model",
            concurrency_limit=1,
        )
    return page


def _compare_tab(microscope: Microscope, examples: Sequence[Sample]) -> None:
    sources = microscope.sources
    with gr.Row(elem_classes="mic-columns"):
        with gr.Column(scale=4, min_width=320, elem_classes="mic-question"):
            picture = gr.Image(
                label="Picture",
                type="filepath",
                format="png",
                image_mode=None,
                sources=["upload", "clipboard"],
                height=280,
                buttons=["fullscreen"],
                elem_id="mic-picture",
            )
            query = gr.Textbox(
                label="Question",
                placeholder="What do you see?",
                max_lines=8,
                max_length=LONGEST_QUERY,
                autofocus=True,
                elem_id="mic-query",
            )
            chosen = gr.CheckboxGroup(list(sources), value=list(sources), label="Checkpoints")
            button = gr.Button("Compare", variant="primary", size="lg")
            if examples:
                gallery = gr.HTML(render_gallery(examples), js_on_load=ON_LOAD)
        with gr.Column(scale=7, min_width=320):
            results = gr.HTML(EMPTY, elem_id="mic-results")

    def show(upload: object, question: object, names: object) -> str:
        return render_comparison(_ask(microscope, upload, question, names), sources)

    asked = gr.on(
        [button.click, query.submit],
        show,
        inputs=[picture, query, chosen],
        outputs=results,
        # Gradio would open the picture first, and fail on a broken one without saying why.
        preprocess=False,
        api_visibility="private",
        concurrency_id="model",
        concurrency_limit=1,
    )
    asked.then(js=BRING_INTO_VIEW)
    if examples:
        gallery.select(
            _filler(examples),
            outputs=[picture, query, results],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )


def _filler(examples: Sequence[Sample]) -> Callable[[gr.EventData], tuple[str, str, str]]:
    def fill(event: gr.EventData) -> tuple[str, str, str]:
        sample = examples[int(event.index)]
        path = write_picture(sample, Path(get_upload_folder(), "examples"))
        return str(path), sample.query, EMPTY

    return fill


def _endpoint(microscope: Microscope) -> Callable[..., list[dict[str, Any]]]:
    def compare(image: dict[str, Any], query: str, checkpoints: list[str]) -> list[dict[str, Any]]:
        """Ask the named checkpoints one question about a picture.

        Args:
            image: an uploaded picture; ``handle_file(path)`` of gradio_client.
            query: the question.
            checkpoints: names, answered in this order.

        Returns:
            One object per checkpoint: checkpoint, answer, finish_reason, tokens, visual_tokens,
            seconds, peak_memory (bytes or null), overlay (PNG data URI or null), no_relevance.
        """
        comparison = _ask(microscope, image, query, checkpoints)
        return [asdict(finding) for finding in comparison.findings]

    return compare


def _ask(microscope: Microscope, upload: object, query: object, names: object) -> Comparison:
    with _explaining():
        return microscope.compare(_uploaded(upload), query, names)


def _uploaded(upload: object) -> Path | None:
    """The file that was uploaded; never another one that the caller happens to know the path of."""
    if not isinstance(upload, dict) or not isinstance(upload.get("path"), str):
        return None
    path = Path(upload["path"]).resolve()
    return path if path.is_relative_to(Path(get_upload_folder()).resolve()) else None


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise AskFailed(refusal.title, refusal.next_step) from refusal
    except VlmError as error:
        raise AskFailed("The checkpoint failed", str(error)) from error
    except Exception as error:
        raise AskFailed(
            "The app failed",
            f"{type(error).__name__}: {error} (the terminal that runs the app has the traceback)",
            traceback=True,
        ) from error
