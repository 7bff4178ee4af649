"""A model that runs elsewhere and delivers its forecasts: here it is a place, and the number that came from there."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from evergreen.core.model.documents import read_document
from evergreen.core.model.protocol import Codes, Forecasts, Rows, require_width

KIND = "forecasts"
FEATURE = "delivered_forecast"  # its one column: the log return that was delivered, NaN where none was in time


@dataclass(frozen=True)
class DeliveredForecasts:
    """Where forecasts come from, and the SHA-256 of what lay there when they were judged."""

    place: str
    delivery_sha256: str
    features: tuple[str, ...] = (FEATURE,)
    kind: str = KIND

    @property
    def width(self) -> int:
        """One column."""
        return 1

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """The rows as they are."""
        return rows

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """What was delivered, and nothing else: NaN of what was not."""
        require_width(prepared, self.width)
        return prepared[:, 0].astype(np.float64)

    def importance(self) -> None:
        """What it looks at is not known here."""
        return None

    def to_bytes(self) -> bytes:
        """JSON."""
        document = {"kind": self.kind, "place": self.place, "delivery_sha256": self.delivery_sha256}
        return json.dumps(document).encode()


class DeliveredReader:
    """It reads where forecasts come from, and fits nothing."""

    name = KIND
    title = "model that runs elsewhere (delivered forecasts)"

    def read(self, content: bytes) -> DeliveredForecasts:
        """The place of a document.

        Raises:
            ModelRefused: not such a document.
        """
        document = read_document(content, self.name)
        return DeliveredForecasts(str(document["place"]), str(document["delivery_sha256"]))
