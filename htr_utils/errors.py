"""The one exception that a user's mistake raises."""

from __future__ import annotations


class HtrError(Exception):
    """A mistake that the user can mend: one line that says what, where, and the remedy.

    The command line prints it after `error:`. Jupyter shows the one line instead of a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows for this exception (documented hook of `InteractiveShell.showtraceback`)."""
        return [f"{type(self).__name__}: {self}"]
