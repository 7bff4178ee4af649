"""One module per outside thing; each imports its heavy library only when its task needs it."""
