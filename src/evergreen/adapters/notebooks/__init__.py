"""Notebooks executed by papermill, in a process of their own."""
