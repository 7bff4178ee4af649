"""Pure decisions and arithmetic: no clock, no network, no global state; inputs are never mutated."""
