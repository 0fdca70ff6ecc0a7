"""The top of the report: one banner a candidate, one row a claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_vlm.report.family import family_sentence
from pytest_vlm.report.html_details import details_part
from pytest_vlm.report.html_forest import Scale, forest_plot
from pytest_vlm.report.html_markup import (
    TONES,
    Html,
    badge,
    chip,
    el,
    fact,
    icon,
    join,
    part,
    said,
    tone,
)
from pytest_vlm.report.measures import amount, difference, mean, p_value, unit
from pytest_vlm.report.model import CandidateVerdict, ClaimRecord, RunReport
from pytest_vlm.report.reuse import reuse

MEANING = {
    "SHIP": "every claim was shown",
    "HOLD": "something failed or is missing",
    "INCONCLUSIVE": "nothing failed, but not everything was shown",
    "PARTIAL": "nothing is wrong, but this was not the whole suite",
}
CLAIMS = {
    "not_worse": "not worse, margin {margin}",
    "better": "better by more than {margin}",
    "equivalent": "equivalent, margin {margin}",
    "no_regression": "no regression of {margin} or more",
}

LEGEND = (
    "Candidate minus baseline with its interval, better to the right: right answers in percentage "
    "points, other scores in their own unit, times and sizes as a ratio. Claims of one kind share "
    "a scale. Dashed: the margin. Shaded: where the claim does not hold."
)
HEADINGS = {"binary": "right answers", "bounded": "mean", "positive": "geometric mean"}


def opening(report: RunReport) -> Html:
    """What was asked and when, and the decision on every candidate."""
    asked = el(
        "p",
        el("b", "pytest-vlm"),
        el("span", "asked: ", said(report.samples)) if report.samples else "",
        el("time", report.created) if report.created else "",
        class_="asked",
    )
    return join((asked, *(_banner(verdict) for verdict in report.verdicts), _notes(report)))


def claims_part(claims: Sequence[ClaimRecord], flips: Mapping[str, str]) -> Html:
    """Every claim with its numbers; `flips` maps evidence files to where they are shown."""
    if not claims:
        return Html("")
    kinds = {claim.result.get("kind") for claim in claims}
    scales = {
        kind: Scale.of(claim for claim in claims if claim.result.get("kind") == kind)
        for kind in kinds
    }
    legend = el("p", LEGEND, class_="soft legend")
    rows = (
        _row(claim, scales[claim.result.get("kind")], flips.get(claim.evidence, ""))
        for claim in with_anchors(claims)
    )
    return part("vlm-claims", "Claims", legend, el("div", *rows, class_="claims"))


def with_anchors(claims: Sequence[ClaimRecord]) -> list[ClaimRecord]:
    """Every claim with those against the anchor that accompany it right below; none is left out."""

    def about(claim: ClaimRecord) -> tuple[str, str, str]:
        return claim.test, claim.candidate, claim.score

    own = {about(claim): place for place, claim in enumerate(claims) if not claim.anchor}
    places = [
        own.get(about(claim), place) if claim.anchor else place
        for place, claim in enumerate(claims)
    ]
    order = sorted(range(len(claims)), key=lambda i: (places[i], claims[i].anchor, i))
    return [claims[i] for i in order]


def _notes(report: RunReport) -> Html:
    """What to bear in mind of all verdicts: how many claims, and how often on these samples."""
    families = dict.fromkeys(family_sentence(verdict.family) for verdict in report.verdicts)
    notes = [el("li", words[0].upper() + words[1:], ".") for words in families if words]
    reused = reuse(report)
    notes += [el("li", icon("warning"), el("span", reused), class_="unsure")] if reused else []
    return el("ul", *notes, class_="notes") if notes else Html("")


def _banner(verdict: CandidateVerdict) -> Html:
    name = TONES.get(verdict.verdict, ("plain", "dot"))[1]
    title = el(
        "h2",
        el("span", verdict.verdict, class_="word"),
        el("span", said(verdict.candidate), " against ", said(verdict.baseline), class_="who"),
    )
    return el(
        "div",
        el("div", icon(name), class_="seal"),
        el(
            "div",
            title,
            el("p", MEANING.get(verdict.verdict, ""), class_="meaning"),
            _listed("", verdict.reasons),
            _listed("shown", verdict.shown),
            _listed("not claimed", verdict.not_claimed),
        ),
        class_=f"banner {tone(verdict.verdict)}",
    )


def _listed(title: str, lines: Sequence[str]) -> Html:
    if not lines:
        return Html("")
    heading = el("h3", title) if title else ""
    kind = "beside" if title else "against"
    items = el("ul", *(el("li", line, dir="auto") for line in lines))
    return el("div", heading, items, class_=kind)


def _row(claim: ClaimRecord, scale: Scale, flips: str) -> Html:
    title = ("against the anchor ", said(claim.baseline)) if claim.anchor else (said(claim.score),)
    head = el(
        "div",
        el("h3", *title),
        el("p", said(claim.candidate), ": ", _claimed(claim)),
        el("p", said(claim.test.rpartition("::")[2]), class_="test", title=claim.test),
        class_="what",
    )
    chips = [chip(words) for words in _unusable(claim.unusable)]
    warnings = (claim.degraded, *claim.warnings) if claim.degraded else claim.warnings
    chips += [chip(words, warning=True) for words in warnings]
    degraded = el("span", icon("warning"), "degraded", class_="badge unsure")
    plot = forest_plot(claim, scale) or el("span", "nothing was compared", class_="soft")
    return el(
        "article",
        head,
        el("div", plot, class_="plot"),
        _numbers(claim, flips),
        el("div", badge(claim.verdict), degraded if claim.degraded else "", class_="verdict"),
        el("p", claim.sentence, class_="sentence", dir="auto"),
        el("ul", *chips, class_="chips") if chips else "",
        details_part(claim.result),
        class_="claim anchor" if claim.anchor else "claim",
    )


def _claimed(claim: ClaimRecord) -> str:
    if not claim.claim:
        return "reported, nothing claimed"
    words = claim.claim.replace("_", " ")
    margin = claim.result.get("margin")
    if margin is None or (claim.claim == "better" and margin == 0):
        return words
    wording = CLAIMS.get(claim.claim, f"{words}, margin {{margin}}")
    return wording.format(margin=amount(claim.result, margin))


def _numbers(claim: ClaimRecord, flips: str) -> Html:
    result = claim.result
    if not result:
        return Html("")
    low, high = result["ci"]
    level = f"{100 * result['confidence_level']:.4g}\N{NO-BREAK SPACE}%"
    change = " → ".join(mean(result, result[f"{side}_mean"]) for side in ("baseline", "candidate"))
    lower = " (lower is better)" if result["better"] == "lower" else ""
    worse_better = "lost / won" if result["kind"] == "binary" else "worse / better"
    flipped = f"{result['b']} / {result['c']}"
    heading = HEADINGS[result["kind"]]
    if claim.of_maps and result["kind"] == "binary":
        heading = "right places"
    return el(
        "dl",
        fact(
            heading + lower,
            change,
            below=join((said(claim.baseline), " → ", said(claim.candidate))),
        ),
        fact(
            "difference",
            difference(result, result["estimate"]) + unit(result),
            below=f"{level}: {difference(result, low)} to {difference(result, high)}",
        ),
        fact(
            worse_better,
            el("a", flipped, href=f"#{flips}") if flips else flipped,
            below=f"of n = {result['n']:,}",
        ),
        fact("p", p_value(result["p_value"])),
    )


def _unusable(sides: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    for side, kinds in sides.items():
        for kind, count in kinds.items():
            if count:
                yield f"{side}: {count} {kind}"
