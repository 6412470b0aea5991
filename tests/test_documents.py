"""What the documents say is true: tables come from stored results, the example runs, links lead somewhere."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("docs/*.md")]


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.tables")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_are_made_from_stored_results(page, tables):
    text = page.read_text(encoding="utf-8")
    assert tables.fill(text) == text, "run `python -m bench.tables`"


def test_readme_has_its_tables_and_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- table: ([\w-]+) -->\n\|", text) == re.findall(r"<!-- table: ([\w-]+) -->", text)
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    missing = [target for target in links if not (page.parent / target).exists()]
    assert not missing


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["y"].shape == (2, 32, 56, 56)
    assert len(names["result"].results) == 4
    assert names["click"].valid.all()
    assert "NoC@90" in capsys.readouterr().out
