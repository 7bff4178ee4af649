"""Asking why: from a served number or a decision back to what made it."""
