"""What the usual fixed thresholds say of histories in which nothing drifts."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from evergreen.core.drift import Calibration, Counts, DriftCheck, check

PEER = Path(__file__).with_name("drift_evidently.py")
WINDOWS = (250, 20)
STEP = 240
PINNED = ("evidently==0.7.23", "pandas<3")
Pairs = list[tuple[pd.DataFrame, pd.DataFrame]]
NAMES = ("KS p < 0.05, Bonferroni", "PSI > 0.2", "PSI > 0.2 in half of them")


def alarms(frame: pd.DataFrame, counts: Counts, calibration: Calibration, train: int) -> list[tuple[str, bool]]:
    """What each rule says once a year of the windows our procedure judges: any feature over it alarms."""
    alarmed = []
    for end in range(train + WINDOWS[1], len(counts.sessions) + 1, STEP):
        looked = check(calibration, counts, counts.sessions[end - 1])
        assert isinstance(looked, DriftCheck)
        reference, current = (part.to_numpy() for part in windows(frame, counts.sessions, end))
        p = np.array([ks_2samp(reference[:, j], current[:, j]).pvalue for j in range(frame.shape[1])])
        over = looked.psi > 0.2
        verdicts = ((p < 0.05 / len(p)).any(), over.any(), over.mean() >= 0.5)
        alarmed += [(name, bool(alarm)) for name, alarm in zip(NAMES, verdicts, strict=True)]
    return alarmed


def windows(frame: pd.DataFrame, sessions: pd.DatetimeIndex, end: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the reference window and of the current one, which ends before session place `end`."""
    of = frame.index.get_level_values("session")
    start, middle = end - sum(WINDOWS), end - WINDOWS[1]
    return frame[of.isin(sessions[start:middle])], frame[of.isin(sessions[middle:end])]


def evidently(python: str, pairs: Pairs) -> dict[str, float]:
    """Shares of pairs in which Evidently's default preset says drift, of the dataset and of any column."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (reference, current) in enumerate(pairs):
            reference.to_parquet(Path(folder, f"{number}.reference.parquet"), index=False)
            current.to_parquet(Path(folder, f"{number}.current.parquet"), index=False)
        command = [python, str(PEER), folder, str(len(pairs))]
        process = subprocess.run(command, check=True, capture_output=True, text=True)
    shares: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return shares


def find_evidently(python: str | None) -> str:
    """An interpreter that has Evidently: the one named, else one made with uv in a folder of its own; or why none."""
    if python:
        return python
    home = Path(tempfile.mkdtemp(prefix="evidently-"))
    interpreter = home / "bin" / "python"
    venv = ["venv", "--quiet", "--python", sys.executable, str(home)]
    for command in (venv, ["pip", "install", "--quiet", "--python", str(interpreter), *PINNED]):
        try:
            subprocess.run([sys.executable, "-m", "uv", *command], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"Evidently was not measured: {error}."
    return str(interpreter)
