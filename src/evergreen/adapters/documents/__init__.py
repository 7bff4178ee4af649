"""Documents about a model for people outside: its card, its bill of materials."""
