"""`python -m htr_utils.cli`."""

from htr_utils.cli import main

main()
