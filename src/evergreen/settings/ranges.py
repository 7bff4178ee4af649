"""What a number in the settings may be; what lies outside is refused where it is read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

CURRENCY = "^[A-Za-z]{2,10}$"  # EUR, and GBp and USDT too
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Currency = Annotated[str, Field(pattern=CURRENCY)]
