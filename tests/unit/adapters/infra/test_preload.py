from __future__ import annotations

import sys

import pytest

from evergreen.adapters.infra.preload import importing


def test_importing__the_module_is_there_afterwards(tmp_path, monkeypatch):
    (tmp_path / "wanted_later.py").write_text("value = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    with importing("wanted_later"):
        pass
    assert sys.modules.pop("wanted_later").value == 7


def test_importing__a_failure_waits_for_who_wants_the_module():
    with importing("evergreen.there_is_no_such_module"):
        pass
    with pytest.raises(ModuleNotFoundError):
        import evergreen.there_is_no_such_module  # noqa: F401
