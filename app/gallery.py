"""The examples under the question box: buttons with a picture and its question."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.microscope import data_uri
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.rendering import fit_for_review

THUMBNAIL = (192, 192)

# Buttons stay in place while the page lives, so one listener on their parent is enough.
ON_LOAD = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-index]');
  if (!button) return;
  for (const other of element.querySelectorAll('button[data-index]'))
    other.setAttribute('aria-pressed', other === button);
  trigger('select', {index: Number(button.dataset.index)});
});
"""


def render_gallery(samples: Sequence[Sample]) -> str:
    """One button a sample; `ON_LOAD` tells the index of the one that was clicked."""
    buttons = "".join(_button(index, sample) for index, sample in enumerate(samples))
    return f'<h4 class="mic-label">Examples</h4><div class="mic-examples">{buttons}</div>'


def _button(index: int, sample: Sample) -> str:
    picture = sample.frames[0].open()
    picture.thumbnail(THUMBNAIL)
    query = escape(sample.query)
    return (
        f'<button type="button" data-index="{index}" aria-pressed="false" title="{query}">'
        f'<img src="{data_uri(fit_for_review(picture))}" alt=""><span>{query}</span></button>'
    )
