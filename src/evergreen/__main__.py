"""`python -m evergreen` is the command line."""

from evergreen.cli import main

main()
