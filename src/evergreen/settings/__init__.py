"""Where things are. Built only at the edges (flows, service, command line) and handed inwards."""

from evergreen.settings.loading import load_settings
from evergreen.settings.market import SAMPLE_TICKERS, MarketSettings
from evergreen.settings.settings import PREFIX, Settings

__all__ = ["PREFIX", "SAMPLE_TICKERS", "MarketSettings", "Settings", "load_settings"]
