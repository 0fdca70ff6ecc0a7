"""Sample logs as other tools write them."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

QUESTIONS = 200


def answers(right: float, seed: int = 0) -> list[str]:
    """What a model says to each question; the first ones are right."""
    return [str(n) if (n * 7 + seed) % 100 < 100 * right else "no" for n in range(QUESTIONS)]


def lm_eval(
    path: Path, said: Sequence[str], *, filters: Sequence[str] = ("none",), template: str = ""
) -> Path:
    """``samples_TASK.jsonl`` of lm-evaluation-harness."""
    lines = []
    for n, answer in enumerate(said):
        for name in filters:
            record = {
                "doc_id": n,
                "doc": {"question": f"What is {n}?", "page": n // 2},
                "target": str(n),
                "arguments": {
                    "gen_args_0": {"arg_0": f"{template}What is {n}?", "arg_1": {"until": []}}
                },
                "resps": [[answer]],
                "filtered_resps": [answer],
                "filter": name,
                "metrics": ["acc"],
                "doc_hash": "d",
                "prompt_hash": "p",
                "target_hash": "t",
                "acc": float(answer == str(n)),
            }
            lines.append(json.dumps(record))
    path.write_text("\n".join(lines) + "\n")
    return path


def lmms_eval(path: Path, said: Sequence[str]) -> Path:
    """``DATE_samples_TASK.jsonl`` of lmms-eval."""
    lines = [
        json.dumps(
            {
                "doc_id": n,
                "target": str([str(n), f"number {n}"]),
                "filtered_resps": [answer],
                "doc_hash": "d",
                "textvqa": {"question_id": n, "score": float(answer == str(n))},
                "exact_match": float(answer == str(n)),
                "input": f"What is {n}?",
            }
        )
        for n, answer in enumerate(said)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def vlmevalkit(path: Path, said: Sequence[str]) -> Path:
    """``MODEL_DATASET.tsv``, ``.json`` or ``.xlsx`` of VLMEvalKit."""
    rows = [
        {
            "index": n,
            "image_path": f"{n // 2}.png",
            "question": f"What is\n{n}?",
            "A": str(n),
            "B": "no",
            "answer": "A",
            "prediction": "A" if answer == str(n) else "B",
            "hit": int(answer == str(n)),
        }
        for n, answer in enumerate(said)
    ]
    if path.suffix == ".json":
        path.write_text(
            json.dumps({name: {str(i): r[name] for i, r in enumerate(rows)} for name in rows[0]})
        )
    elif path.suffix == ".xlsx":
        from openpyxl import Workbook

        book = Workbook()
        sheet = book.active
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
        book.save(path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
            writer.writeheader()
            writer.writerows(rows)
    return path


def inspect_ai(
    path: Path, said: Sequence[str], *, epochs: int = 1, status: str = "success"
) -> Path:
    """A ``.json`` log or an ``.eval`` archive of inspect_ai."""
    samples = [
        {
            "id": n,
            "epoch": epoch,
            "input": [{"role": "user", "content": [{"type": "text", "text": f"What is {n}?"}]}],
            "target": [str(n), f"no {n}"],
            "output": {
                "choices": [
                    {"message": {"role": "assistant", "content": answer}, "stop_reason": "stop"}
                ]
            },
            "scores": {"match": {"value": "C" if answer == str(n) else "I", "answer": answer}},
            "metadata": {"page": n // 2},
        }
        for n, answer in enumerate(said)
        for epoch in range(1, epochs + 1)
    ]
    if path.suffix == ".json":
        log = {"version": 2, "status": status, "eval": {"model": "m"}, "samples": samples}
        path.write_text(json.dumps(log, indent=2))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({"version": 2, "status": status}))
        for sample in samples:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(name, json.dumps(sample))
    return path
