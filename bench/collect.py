"""Keep the figures of an evaluation: `python -m bench.collect runs/NAME bench/results/NAME.json`.

Gathers the metrics.json of every strategy in a result folder of `activefreq evaluate` into one list, the fastest way
from a run to a table (`python -m bench.tables`). Folders in the recorded command are shortened to path/to/NAME: where
data lay on somebody's machine is nobody's business, and nothing else is changed.
"""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from activefreq.acselect import FURTHER_STRATEGIES, STRATEGIES
from activefreq.evaluation import compare
from activefreq.evaluation.examples import best_median_worst
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.storage import load

WORST = 10
SHOWN = (1, 3, 5, 10, 20)  # clicks


def shortened(command: str) -> str:
    """`command` with folders above the last part of each path replaced, and as a shell knows it.

    A command line that Python was handed as text has "-c" for a name.
    """
    command = f"activefreq {command[3:]}" if command.startswith("-c ") else command
    return " ".join(f"path/to/{Path(word).name}" if "/" in word else word for word in shlex.split(command))


def collect(folder: Path) -> list[dict[str, Any]]:
    """One dictionary per strategy, in the order of STRATEGIES and FURTHER_STRATEGIES.

    Each holds its paired difference from `largest`, where that was evaluated too, as `less_largest`, and its ten worst
    objects with their clicks, as `worst`.
    """
    folders = [path.parent for path in folder.glob("**/metrics.json")]
    if not folders:
        raise SystemExit(f"{folder} holds no metrics.json: is it the result folder of `activefreq evaluate`?")
    evaluations = {evaluation.strategy: evaluation for evaluation in map(load, folders)}
    runs = [json.loads((each / "metrics.json").read_text(encoding="utf-8")) for each in folders]
    for run in runs:
        run["command"] = shortened(run["command"])
        if "largest" in evaluations and run["strategy"] != "largest":
            comparison = compare(evaluations[run["strategy"]], evaluations["largest"])
            run["less_largest"] = {
                str(key): {**asdict(interval), "fewer": comparison.fewer[key], "more": comparison.more[key]}
                for key, interval in comparison.noc.items()
            }
        run["worst"] = [_kept(result) for result in best_median_worst(evaluations[run["strategy"]], WORST)["worst"]]
    return sorted(runs, key=lambda run: [*STRATEGIES, *FURTHER_STRATEGIES].index(run["strategy"]))


def _kept(result: ObjectResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "area": result.area,
        "clicks": " ".join(f"{'+' if label else '−'}{y},{x}" for y, x, label in result.clicks),
        "iou": {str(k): round(result.ious[k - 1], 4) for k in SHOWN if k <= len(result.ious)},
    }


def main() -> None:
    """Read, shorten, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    runs = collect(given.folder)
    given.target.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{given.target}: {', '.join(run['strategy'] for run in runs)}")


if __name__ == "__main__":
    main()
