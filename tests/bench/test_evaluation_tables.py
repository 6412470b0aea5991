from bench import evaluation_tables
from bench.collect import shortened


def run(strategy, noc, miou=(0.8, 0.86), less=None):
    figures = {"strategy": strategy, "noc": dict(zip(("80", "85", "90"), noc, strict=True)), "miou": list(miou)}
    figures |= {"nof": {"90": 3}}
    if less:
        figures["less_largest"] = {"90": dict(zip(("mean", "low", "high", "fewer", "more"), less, strict=True))}
    return figures


def test_a_missed_bar_is_called_missed(monkeypatch):
    stored = {
        "isic2017-val": [run("largest", (1.75, 2.2, 3.7), (0.8, 0.8529)), run("acselect", (1.742, 2.1, 3.1))],
        "isic2017-val-flip": [run("largest", (1.7, 2.3, 3.8)), run("acselect", (1.74, 2.1, 3.1))],
        "isic2017-test": [
            run("largest", (2.2, 2.8, 4.0)),
            run("acselect", (2.1, 2.7, 3.7), less=(-0.3, -0.4, -0.2, 9, 4)),
        ],
    }
    stored["selection-test"] = {"rows": [{"name": "look-ahead-bound", "noc": {"90": 3.21}}]}
    monkeypatch.setattr(evaluation_tables, "stored", stored.__getitem__)
    lines = {line.split(" | ")[0].strip("| "): line.split(" | ")[2:] for line in evaluation_tables.bars().splitlines()}
    assert [cell.endswith("**missed**") for cell in lines["val NoC@80"][:3]] == [True, False, True]
    assert lines["val NoC@80"][3] == "1.740 |"  # at the bar
    assert lines["val mIoU@2"][0] == "0.8529, **missed**"
    assert lines["test NoC@90 less `largest`"][2] == "-0.30 [-0.40, -0.20]"
    assert lines["the same as a share of its clicks"][2] == "7.5% fewer, **missed**"
    assert lines["test objects with fewer / more clicks"][2] == "9 / 4"


def test_commands_say_nothing_of_a_machine():
    assert shortened("-c evaluate --data /home/me/isic --out x") == "activefreq evaluate --data path/to/isic --out x"
    assert shortened("python -m bench.cost") == "python -m bench.cost"
