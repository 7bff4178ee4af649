"""Running it: the local stack, work pools, demo, doctor, status, backup."""
