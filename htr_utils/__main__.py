"""`python -m htr_utils VERB`: in a clone the verbs of `workshop/`, elsewhere the `htr` command.

Imports the standard library only: in a fresh clone nothing else is installed yet.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Carry out what the command line says; returns the exit code."""
    clone = Path(__file__).resolve().parent.parent
    if (clone / "workshop" / "__main__.py").is_file():
        sys.path.insert(0, str(clone))
        from workshop.__main__ import main as verbs

        return verbs()
    from htr_utils.cli import main as htr

    htr(prog_name="htr")
    return 0


if __name__ == "__main__":
    sys.exit(main())
