"""The documents: one form of decision record, a map that names every page, links and paths that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from evergreen.workspace import REPOSITORY

DOCS = REPOSITORY / "docs"
RECORDS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])
PARTS = ("Status", "Context.", "Decision.", "Consequences.")
FORM = r"# (\d+)\. .+" + "".join(rf"\n\n\*\*{re.escape(part)}\*\*.+?" for part in PARTS)
LONGEST = 400  # words: what is measured or tried goes to docs/experiments
NAMED = re.compile(r"`((?:src|tests|docs|notebooks|benchmarks|feature_repo|flows|tasks|deploy)/[\w./-]+?)(?:::\w+)?`")

PLACEHOLDER = re.compile(r"NAME|TOPIC")


def there(path: str) -> bool:
    """Whether a path is in the repository; tables of faults name tests below `tests/`."""
    return (REPOSITORY / path).exists() or (REPOSITORY / "tests" / path).exists()


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record__has_status_context_decision_and_consequences(record: Path) -> None:
    form = re.fullmatch(FORM, record.read_text().strip(), flags=re.DOTALL)
    assert form, "see docs/decisions/0001 for the form"
    assert int(form[1]) == int(record.stem[:4])
    assert len(record.read_text().split()) <= LONGEST


def test_records__each_number_is_given_once() -> None:
    numbers = [record.stem[:4] for record in RECORDS]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("folder", ["", "decisions", "experiments"])
def test_map__names_every_page(folder: str) -> None:
    maps = (DOCS / "README.md").read_text() + (DOCS / "experiments" / "README.md").read_text()
    pages = [page.name for page in (DOCS / folder).glob("*.md") if page.name != "README.md"]
    assert [page for page in pages if page not in maps] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_page__leads_nowhere_that_is_not_there(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in NAMED.findall(text) if not (PLACEHOLDER.search(path) or there(path))] == []


def test_notebooks__have_titles_of_their_own() -> None:
    titles = [
        nbformat.read(notebook, as_version=4).cells[0].source.splitlines()[0]
        for notebook in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    ]
    assert all(title.startswith("# ") for title in titles)
    assert len(set(titles)) == len(titles)
