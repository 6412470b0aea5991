"""--require-cuda: what cannot run is a failure, in tests/cuda alone."""

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.mark.parametrize(
    ("folder", "required", "outcome"),
    [("cuda", True, "failed"), ("cuda", False, "skipped"), ("ops", True, "skipped")],
)
def test_skipped_tests(request, folder, required, outcome):
    conftest = request.config.pluginmanager.get_plugin(str(Path(__file__).parent / "conftest.py"))
    config = SimpleNamespace(getoption=lambda name: {"--require-cuda": required}[name])
    item = SimpleNamespace(path=Path("tests") / folder / "test_some.py", config=config)
    report = SimpleNamespace(skipped=True, outcome="skipped", longrepr=("conftest.py", 1, "Skipped: no CUDA: why"))
    reporting = conftest.pytest_runtest_makereport(item)
    next(reporting)
    with pytest.raises(StopIteration) as stop:
        reporting.send(report)
    assert stop.value.value is report
    assert report.outcome == outcome
    assert (report.longrepr == "--require-cuda, but Skipped: no CUDA: why") == (outcome == "failed")
