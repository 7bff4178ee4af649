"""How good forecasts are, by session."""
