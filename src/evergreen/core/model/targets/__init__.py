"""What a model may forecast: `registry` finds targets by name."""
