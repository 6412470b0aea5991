"""report.html: one page that needs no other file and no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activefreq.acselect import printed_name
from activefreq.evaluation import charts, pictures
from activefreq.evaluation.answers import predictor_device
from activefreq.evaluation.breakdown import breakdown
from activefreq.evaluation.examples import best_median_worst, make_example
from activefreq.evaluation.interfaces import Dataset
from activefreq.evaluation.results import Evaluation
from activefreq.evaluation.storage import REPORT, write_atomically
from activefreq.evaluation.tables import headline

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["write_report"]

SKIPPED_SHOWN = 50


def write_report(directory: Path, evaluations: Sequence[Evaluation], predictor: Predictor, dataset: Dataset) -> Path:
    """Draw evaluations of one model on one data set.

    Args:
        directory: where report.html goes; a file of that name is replaced.
        evaluations: one per strategy, at least one.
        predictor: predicts the masks of the objects that are shown once more, from their clicks.
        dataset: the data set that was evaluated.

    Returns:
        The path of the page.
    """
    first = evaluations[0]
    model, data = (first.metadata.get(key, {}) for key in ("model", "data"))
    title = f"{model.get('name', 'model')} on {data.get('name', 'data')}"
    lead = [f"{data['split']} split"] if data.get("split") else []
    lead += [f"{len(first.results)} objects", f"up to {first.max_clicks} clicks each"]
    if first.metadata.get("settings", {}).get("data_options", {}).get("given_masks"):
        lead.append("correcting given masks")
    sections = [
        _headline_section(evaluations),
        _charts_section(evaluations),
        _breakdown_section(evaluations),
        _examples_section(evaluations, predictor, dataset),
        _skipped_section(first),
        _cost_section(evaluations),
        _provenance_section(first),
    ]
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{resources.files("activefreq.evaluation").joinpath("report.css").read_text(encoding="utf-8")}</style>
</head>
<body><main>
<h1>{escape(title)}</h1>
<p class="lead">{escape(" · ".join(lead))}</p>
{"".join(sections)}
</main></body>
</html>
"""
    write_atomically(directory / REPORT, page)
    return directory / REPORT


def _headline_section(evaluations: Sequence[Evaluation]) -> str:
    header, *rows = headline(evaluations)
    # Least is best for clicks, failures and seconds, most for IoU; marked only where there is something to compare.
    best = [_best(name, [row[column] for row in rows]) for column, name in enumerate(header)]
    body = [[(cell, "best" if cell == value else "") for cell, value in zip(row, best, strict=True)] for row in rows]
    curve = (
        "every click was run"
        if evaluations[0].full_curve
        else "an object that stopped keeps its last IoU, so this is not the full curve of papers"
    )
    return _section(
        "Clicks",
        _table(header, body),
        '<p class="note">NoC@t: mean clicks until IoU ≥ t %, the maximum where it is never reached. NoF@t: objects '
        f"that never reach it. mIoU@k: mean IoU after k clicks; {curve}. s/click: seconds for prediction, click "
        "selection and bookkeeping, without image decoding and the first batch.</p>",
    )


def _best(column: str, cells: Sequence[str]) -> str | None:
    numbers = [cell for cell in cells if cell != "-"]
    if column == "strategy" or len(set(numbers)) < 2:
        return None
    return (max if column.startswith("mIoU") else min)(numbers, key=float)


def _charts_section(evaluations: Sequence[Evaluation]) -> str:
    images = [
        _image("png", charts.iou_chart(evaluations), "mean IoU after k clicks"),
        _image("png", charts.clicks_chart(evaluations), "clicks that objects needed"),
    ]
    return _section("", f'<div class="charts">{"".join(f"<div>{image}</div>" for image in images)}</div>')


def _breakdown_section(evaluations: Sequence[Evaluation]) -> str:
    sections = []
    for attribute in breakdown(evaluations[0]):
        rows = [
            [printed_name(evaluation.strategy), value, str(numbers["objects"])]
            + [f"{clicks:.2f}" for clicks in numbers["noc"].values()]
            + [str(failed) for failed in numbers["nof"].values()]
            for evaluation in evaluations
            for value, numbers in breakdown(evaluation)[attribute].items()
        ]
        keys = evaluations[0].noc
        header = ["strategy", attribute, "objects", *(f"NoC@{key}" for key in keys), *(f"NoF@{key}" for key in keys)]
        sections.append(_section(f"By {attribute}", _table(header, [[(cell, "") for cell in row] for row in rows])))
    return "".join(sections)


def _examples_section(evaluations: Sequence[Evaluation], predictor: Predictor, dataset: Dataset) -> str:
    each = 2 if len(evaluations) == 1 else 1
    parts = [_legend()]
    for evaluation in evaluations:
        settings = evaluation.metadata.get("settings", {})
        device = predictor_device(predictor, settings.get("device"))
        threshold = float(settings.get("threshold", 0.5))
        groups = best_median_worst(evaluation, each)
        # Column by column is best, median, worst; row by row the first of each, then the second.
        order = [(kind, results[row]) for row in range(each) for kind, results in groups.items() if row < len(results)]
        cards = []
        for kind, result in order:
            picture = pictures.draw_example(make_example(predictor, dataset, result, device, threshold))
            count = len(result.clicks)
            cards.append(
                f"<figure>{_image('jpeg', picture, result.name)}<figcaption><b>{kind}</b> · {escape(result.name)}<br>"
                f"{count} click{'s' if count > 1 else ''}, IoU {result.ious[-1]:.3f}, "
                f"{result.stop_reason.replace('_', ' ')}</figcaption></figure>"
            )
        parts.append(f'<h3>{escape(printed_name(evaluation.strategy))}</h3><div class="cards">{"".join(cards)}</div>')
    return _section("Best, median and worst object", *parts)


def _legend() -> str:
    items = [
        ("line", pictures.TRUE_COLOUR, "true outline"),
        ("line", pictures.PREDICTED_COLOUR, "predicted outline"),
        ("dot", pictures.POSITIVE_COLOUR, "positive click"),
        ("dot", pictures.NEGATIVE_COLOUR, "negative click"),
    ]
    keys = (
        f'<span class="key"><i class="{shape}" style="background:{colour}"></i>{text}</span>'
        for shape, colour, text in items
    )
    return f"<div>{''.join(keys)}</div>"


def _skipped_section(evaluation: Evaluation) -> str:
    if not evaluation.skipped:
        return ""
    shown = list(evaluation.skipped.items())[:SKIPPED_SHOWN]
    more = len(evaluation.skipped) - len(shown)
    note = f'<p class="note">and {more} more, in metrics.json</p>' if more else ""
    return _section(f"Skipped: {len(evaluation.skipped)}", _facts(dict(shown)), note)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.2f}"


def _cost_section(evaluations: Sequence[Evaluation]) -> str:
    stages = list(dict.fromkeys(name for evaluation in evaluations for name in evaluation.timing.stages))
    header = ["strategy", *(f"{name}, ms/click" for name in stages), "decoding, s", "in all, s", "peak memory, MiB"]
    rows = [
        [
            printed_name(evaluation.strategy),
            *(_milliseconds(evaluation.timing.stages.get(name)) for name in stages),
            f"{evaluation.timing.decode:.1f}",
            f"{evaluation.timing.wall:.1f}",
            f"{evaluation.peak_memory['process'] / 2**20:.0f}",
        ]
        for evaluation in evaluations
    ]
    return _section("Cost", _table(header, [[(cell, "") for cell in row] for row in rows]))


def _provenance_section(evaluation: Evaluation) -> str:
    facts: dict[str, Any] = {}
    for key, value in evaluation.metadata.items():
        if isinstance(value, dict):
            facts |= {f"{key}: {name}": item for name, item in value.items() if item is not None and item != {}}
        else:
            facts[key] = value
    return _section("What made these numbers", _facts(facts)) if facts else ""


def _section(title: str, *parts: str) -> str:
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f"<section>{heading}{''.join(parts)}</section>\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    cells = ("".join(f'<td class="{kind}">{escape(cell)}</td>' for cell, kind in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _facts(facts: dict[str, Any]) -> str:
    rows = (f"<tr><td>{escape(str(key))}</td><td>{escape(str(value))}</td></tr>" for key, value in facts.items())
    return f'<table class="facts">{"".join(rows)}</table>'


def _image(kind: str, data: bytes, text: str) -> str:
    return f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" alt="{escape(text, quote=True)}">'
