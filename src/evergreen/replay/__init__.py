"""Decades of the whole loop on a virtual clock, in one process: what a delivery policy earns."""
