"""The feature views, built from the factor list itself."""

from datetime import timedelta

from entities import ticker
from feast import FeatureView, Field
from feast.types import Float32, Float64, String
from sources import alpha158_rows, price_rows

from evergreen.core.features import FACTORS

# Longer than any exchange stays closed: a feature reaches over holidays, never over a halt of weeks.
REACH = timedelta(days=10)

alpha158 = FeatureView(
    name="alpha158",
    entities=[ticker],
    schema=[Field(name=factor.name, dtype=Float32, description=factor.formula) for factor in FACTORS],
    source=alpha158_rows,
    ttl=REACH,
    description="The 158 factors of a session, known at its close.",
)

price = FeatureView(
    name="price",
    entities=[ticker],
    schema=[
        Field(name="close", dtype=Float64, description="Raw close of the session."),
        Field(name="factor", dtype=Float64, description="Adjusted price = close * factor."),
        Field(name="session", dtype=String, description="The trading date, YYYY-MM-DD."),
        # Feast's SQLite store keeps event times in local time: wrong for a reader in another time zone.
        Field(name="closed_at", dtype=String, description="The session's close in UTC, ISO 8601."),
    ],
    source=price_rows,
    ttl=REACH,
    description="What a forecast return is turned into a price with.",
)
