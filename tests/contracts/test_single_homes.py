"""What has one home stands there alone."""

import re

import pytest

from evergreen.workspace import REPOSITORY

HOMES = {
    r"whylogs": "src/evergreen/adapters/monitoring/",
    r"""["'](?:model\.txt|oos\.parquet|metrics\.json|run\.json)["']""": "src/evergreen/adapters/models/folder.py",
}


@pytest.mark.parametrize(("words", "home"), HOMES.items(), ids=["the profiler's name", "names of model files"])
def test_home__nothing_else_spells_it(words: str, home: str) -> None:
    sources = [path for root in ("src", "tasks", "flows", "feature_repo") for path in (REPOSITORY / root).rglob("*.py")]
    spelling = {path.relative_to(REPOSITORY).as_posix() for path in sources if re.search(words, path.read_text())}
    assert any(path.startswith(home) for path in spelling)
    assert not {path for path in spelling if not path.startswith(home)}
