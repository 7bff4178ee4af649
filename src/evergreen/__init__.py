"""Evergreen keeps a stock-price model true to its market."""

import os

__version__ = "0.1.0"

# The libraries below report usage to their makers unless told not to before they are imported.
for _switch, _value in {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}.items():
    os.environ.setdefault(_switch, _value)
