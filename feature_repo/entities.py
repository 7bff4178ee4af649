"""What features are about."""

from feast import Entity, ValueType

ticker = Entity(
    name="ticker",
    join_keys=["ticker"],
    value_type=ValueType.STRING,
    description="A listed stock, by its exchange symbol.",
)
