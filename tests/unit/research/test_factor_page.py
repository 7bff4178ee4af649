from __future__ import annotations

import re

import numpy as np

from evergreen.core.features import FACTORS
from evergreen.research.factor_page import PAGE, PICTURES, families, page, picture


def test_page__is_what_the_declarations_say_now() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_page__names_each_factor_once_and_every_picture_exists() -> None:
    text = page()
    for factor in FACTORS:
        assert text.count(f"`{factor.name}`") == 1
    linked = set(re.findall(r"\(features/(\w+)\.svg\)", text))
    assert linked == {file.stem for file in PICTURES.glob("*.svg")} == set(families(FACTORS))
    assert len(linked) == 13 + 29


def test_picture__lifts_the_pen_over_a_gap_and_stays_in_its_frame() -> None:
    drawn = picture([np.array([0, 1, np.nan, 2, 1], dtype=np.float32)])
    assert drawn.count("M") == 2 and drawn.count("L") == 2 and "nan" not in drawn
    heights = [float(y) for y in re.findall(r"[ML]\d+ ([\d.]+)", drawn)]
    assert min(heights) >= 1 and max(heights) <= 43
