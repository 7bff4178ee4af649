"""One module per capability: read a handle, call `evergreen`, write, return a handle."""
