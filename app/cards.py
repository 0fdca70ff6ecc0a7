"""The right side of the page: findings as HTML. Whatever a model or a dataset says is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from app.microscope import Comparison, Finding
from pytest_vlm.memory.size import format_size
from pytest_vlm.scores.text import normalize

SHORT_ANSWER = 24
LONG_ANSWER = 120

EMPTY = """
<section class="mic-empty">
  <div class="mic-empty-sign" aria-hidden="true"><span></span><span></span></div>
  <h2>Ask a question, see who answers what</h2>
  <ol>
    <li>Drop a picture on the left, or click an example.</li>
    <li>Type a question about it.</li>
    <li>Press <b>Compare</b>, or Enter.</li>
  </ol>
  <p>Each checkpoint gets a card: its answer, where it looked, and what it cost.</p>
</section>
"""


def render_comparison(comparison: Comparison, sources: Mapping[str, str]) -> str:
    """The question, whether the answers agree, and a card for each checkpoint.

    Args:
        comparison: what was found.
        sources: where each checkpoint comes from, by name.
    """
    findings = comparison.findings
    accepted = {normalize(target): target for target in comparison.sample.targets}
    cards = "".join(
        _card(finding, findings[0], set(accepted), sources[finding.checkpoint])
        for finding in findings
    )
    return f"""
<section class="mic-result" aria-live="polite">
  <header class="mic-asked">
    <p class="mic-query">{escape(comparison.sample.query)}</p>
    <p class="mic-agreement">{_agreement(findings)}{_expected(list(accepted.values()))}</p>
  </header>
  <div class="mic-cards">{cards}</div>
</section>
"""


def _agreement(findings: tuple[Finding, ...]) -> str:
    if len(findings) < 2:
        return ""
    different = len({normalize(finding.answer) for finding in findings})
    if different > 1:
        return _badge("differ", f"{different} different answers")
    return _badge("agree", "same answer")


def _expected(accepted: list[str]) -> str:
    if not accepted:
        return ""
    words = " or ".join(f"<b>{escape(answer)}</b>" for answer in accepted)
    return f'<span class="mic-expected">expected {words}</span>'


def _card(finding: Finding, first: Finding, accepted: set[str], source: str) -> str:
    badges = _badges(finding, first, accepted)
    kinds = " ".join(f"mic-is-{kind}" for kind, _ in badges)
    return f"""
<article class="mic-card {kinds}">
  <header>
    <h3>{escape(finding.checkpoint)}</h3>
    <span class="mic-source" title="{escape(source)}"><bdi>{escape(source)}</bdi></span>
  </header>
  {_answer(finding)}
  <p class="mic-badges">{"".join(_badge(kind, words) for kind, words in badges)}</p>
  {_map(finding)}
  <dl>
    {_figure("tokens", f"{finding.tokens:,}", "new tokens, the end token included")}
    {_figure("visual tokens", f"{finding.visual_tokens:,}", "tokens that the picture became")}
    {_figure("latency", _duration(finding.seconds), "from the question to the answer")}
    {_figure("memory", _memory(finding), "most in use while answering, above what was before")}
  </dl>
</article>
"""


def _badges(finding: Finding, first: Finding, accepted: set[str]) -> list[tuple[str, str]]:
    badges = []
    answer = normalize(finding.answer)
    if accepted:
        badges.append(("right", "✓ right") if answer in accepted else ("wrong", "✗ wrong"))
    if answer != normalize(first.answer):
        badges.append(("differs", f"differs from {first.checkpoint}"))
    if finding.finish_reason == "length":
        badges.append(("truncated", f"truncated at {finding.tokens:,} tokens"))
    if finding.finish_reason == "error":
        badges.append(("failed", "no answer came"))
    return badges


def _badge(kind: str, words: str) -> str:
    return f'<span class="mic-badge mic-{kind}">{escape(words)}</span>'


def _answer(finding: Finding) -> str:
    if not finding.answer:
        return '<p class="mic-answer mic-nothing">(empty answer)</p>'
    length = len(finding.answer)
    size = "short" if length <= SHORT_ANSWER else "medium" if length <= LONG_ANSWER else "long"
    return f'<p class="mic-answer mic-{size}">{escape(finding.answer)}</p>'


def _map(finding: Finding) -> str:
    if finding.overlay is None:
        return (
            '<div class="mic-no-map"><b>No relevance map</b>'
            f"<span>{escape(finding.no_relevance)}</span></div>"
        )
    about = f"where {finding.checkpoint} looked while answering"
    return (
        f'<figure><img src="{escape(finding.overlay)}" alt="{escape(about)}">'
        "<figcaption>where it looked</figcaption></figure>"
    )


def _figure(name: str, value: str, meaning: str) -> str:
    return f'<div title="{escape(meaning)}"><dt>{name}</dt><dd>{escape(value)}</dd></div>'


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "< 1 ms"


def _memory(finding: Finding) -> str:
    if finding.peak_memory is None:
        return "not measured"
    return f"+{format_size(finding.peak_memory)}"
