"""Hashes by which inputs are recognised again."""

from __future__ import annotations

import hashlib

import numpy as np

from evergreen.core.features.row_hashes import row_hashes


def test_row_hashes__are_of_little_endian_float32_bytes() -> None:
    row = np.array([1.5, np.nan, -2.0], dtype=np.float32)
    assert row_hashes(row[None, :]) == [hashlib.sha256(row.astype("<f4").tobytes()).hexdigest()[:16]]


def test_row_hashes__smallest_change_shows() -> None:
    row = np.array([[1.5, -2.0]], dtype=np.float32)
    assert row_hashes(row) != row_hashes(np.nextafter(row, np.float32(9)))
