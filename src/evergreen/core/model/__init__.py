"""What forecasts: fitted, written to bytes, read back, checked."""
