"""Spread by the median: deaf to a few wild values."""

from __future__ import annotations

MAD_TO_SIGMA = 1.4826  # 1 / (75 % quantile of N(0, 1)): a normal's standard deviation over its MAD
