from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.adapters.documents.model_card import Provenance, write_model_card
from evergreen.adapters.documents.sbom import bill_of_materials
from evergreen.adapters.models.folder import read_model_folder
from evergreen.errors import NotFound

LOCK = Path(__file__).parents[4] / "requirements.lock"
KNOWN = Provenance(
    version="7",
    run_id="run7",
    cause="drift <b>",
    commit="abc123",
    made_at=datetime(2008, 9, 12, 21, tzinfo=UTC),
    verdict="Admitted to canary. Over 250 sessions ...",
    data={"rows refused by validation": 3},
    notebook_sha256="f" * 64,
    audit="No look-ahead in 158 features at 8 sessions.",
)


@pytest.fixture(scope="module")
def materials() -> dict:
    return json.loads(bill_of_materials(LOCK))


def test_model_card__says_what_is_on_record(model_folder, tmp_path):
    model = read_model_folder(model_folder)
    card, page, bill = write_model_card(model, KNOWN, LOCK, tmp_path / "model_card")
    text = card.read_text()
    for fact in ("version 7", KNOWN.verdict, model.manifest.training_set_sha256, "f" * 64, "abc123", "Limits of use"):
        assert fact in text
    assert "Look-ahead audit: No look-ahead in 158 features at 8 sessions.\n" in text
    assert "| - | - |" not in text, "what was not measured is not listed"
    assert "over the random walk" in text and "| rows refused by validation | `3` |" in text
    assert text.count(model.manifest.model_sha256) == 1
    html = page.read_text()
    assert "<table>" in html and "<script" not in html and "drift &lt;b&gt;" in html
    assert "prefers-color-scheme: dark" in html
    assert json.loads(bill.read_text())["bomFormat"] == "CycloneDX"


def test_bill__has_every_package_of_the_lock_with_its_hashes(materials):
    locked = [line for line in LOCK.read_text().splitlines() if "==" in line and not line.startswith((" ", "#"))]
    components = {each["name"]: each for each in materials["components"]}
    assert len(components) == len({line.partition("==")[0].partition("[")[0] for line in locked}) > 200
    assert components["lightgbm"]["purl"].startswith("pkg:pypi/lightgbm@4")
    assert all(each["hashes"] for each in components.values())
    assert materials["metadata"]["component"]["name"] == "evergreen"


def test_bill__of_one_lock_has_one_number(materials, tmp_path):
    again = json.loads(bill_of_materials(LOCK))
    assert again["serialNumber"] == materials["serialNumber"]
    with pytest.raises(NotFound, match="no lock"):
        bill_of_materials(tmp_path / "requirements.lock")
