"""How often the same samples have judged a checkpoint, in words."""

from __future__ import annotations

from pytest_vlm.report.model import RunReport

USUAL_ALPHA = 0.05


def reuse(report: RunReport) -> str:
    """What the ledger knows of these samples; empty for the first checkpoint.

    If each of k checkpoints loses exactly the margin, one of them passes by luck with a chance of
    at most 1 - (1 - alpha)^k: less, because they are judged on the same samples (Šidák 1967).
    """
    attempts = report.attempts
    candidates = {attempt["candidate"] for attempt in attempts}
    if len(candidates) < 2:
        return ""
    since, samples = str(attempts[0]["when"])[:10], attempts[-1]["samples"]
    shipped = len({a["candidate"] for a in attempts if a["verdict"] == "SHIP"})
    alphas = [verdict.family.get("alpha", USUAL_ALPHA) for verdict in report.verdicts]
    alpha = max(alphas, default=USUAL_ALPHA)
    luck = 1 - (1 - alpha) ** len(candidates)
    return (
        f"{len(candidates)} checkpoints were gated on these {samples:,} samples since {since}, "
        f"this run included; {shipped or 'none'} of them shipped. Every further one makes it "
        f"likelier that one passes by luck (were all at the margin, with a chance of up to "
        f"{100 * luck:.0f}\N{NO-BREAK SPACE}%): keep some samples aside, or renew them."
    )
