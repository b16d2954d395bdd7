"""Cells that answer to mouse, pen and slider where somebody sits before them, and show one figure where nobody does.

A notebook that is run by papermill, nbconvert or a test has no front end: there each function here shows its figure,
whose facts are the same on every machine.
"""

from __future__ import annotations

import html
import importlib.util
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from htr_utils.course.plots import base, ctc, start

if TYPE_CHECKING:
    from htr_utils.lines.iam import Line
    from htr_utils.recognizer import Recognizer

SWITCH = "HTR_INTERACTIVE"  # "1" or "0" decides; unset, the front end does
# Set for a kernel by: Jupyter's server (a notebook opened by a person), Visual Studio Code, Colab.
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID", "VSCODE_CWD", "COLAB_RELEASE_TAG")
WIDTH, HEIGHT, PEN = 900, 170, 4  # of the canvas, in pixels
PAPER, INK = 245, 30


def alive(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether controls make sense here: a front end that a person looks at started this kernel."""
    switch = environment.get(SWITCH, "")
    if switch:
        return switch not in ("0", "false", "no")
    return any(environment.get(name) for name in FRONT_ENDS)


def missing(*packages: str) -> str:
    """One line that says what to install, or "" where all is there."""
    gone = [name for name in packages if importlib.util.find_spec(name) is None]
    if not gone:
        return ""
    names = " and ".join(gone)
    return f"{names} not installed (the extra `interactive`): `pip install {' '.join(gone)}`, then restart the kernel"


class Pad:
    """What a pen wrote: strokes of points, and the picture of them.

    Attributes:
        strokes: (x, y) in pixels of the canvas, a list each.
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.width, self.height = width, height
        self.strokes: list[list[tuple[float, float]]] = []
        self._down = False

    def down(self, x: float, y: float) -> None:
        """The pen touches the paper."""
        self.strokes.append([(x, y)])
        self._down = True

    def move(self, x: float, y: float) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The pen moves; returns the piece of line that it draws, None while it is in the air."""
        if not self._down:
            return None
        before = self.strokes[-1][-1]
        self.strokes[-1].append((x, y))
        return before, (x, y)

    def up(self) -> bool:
        """The pen leaves the paper; True if it was on it."""
        was, self._down = self._down, False
        return was

    def clear(self) -> None:
        """A fresh sheet."""
        self.strokes.clear()
        self._down = False

    def picture(self) -> np.ndarray:
        """Dark strokes on light paper: uint8 (height, width), softened as a scan is."""
        grey = np.full((self.height, self.width), PAPER, np.uint8)
        for stroke in self.strokes:
            points = np.round(np.array(stroke) * 16).astype(np.int32)[:, None]
            cv2.polylines(grey, [points], False, INK, PEN, cv2.LINE_AA, shift=4)
        return cv2.GaussianBlur(grey, (0, 0), 0.6)


def example(word: str = "hello") -> Pad:
    """A pad on which a program has written `word`; knows the letters of "hello"."""

    def arc(
        x: float, y: float, rx: float, ry: float, begin: float, end: float
    ) -> list[tuple[float, float]]:
        turn = np.radians(np.linspace(begin, end, 24))
        return [(x + rx * float(np.cos(t)), y + ry * float(np.sin(t))) for t in turn]

    # In units of half the height of an x: x to the right, y down, the base line at 0.
    letters: dict[str, list[list[tuple[float, float]]]] = {
        "h": [[(0, -4), (0, 0)], [(0, -0.8), *arc(0.75, -1.0, 0.75, 0.95, 180, 360), (1.5, 0)]],
        "e": [[(0.1, -1.0), (1.5, -1.1), *arc(0.8, -1.0, 0.75, 1.0, -5, -320)]],
        "l": [[(0.3, -4), (0.3, -0.3), (0.55, 0)]],
        "o": [arc(0.8, -1.0, 0.8, 1.0, -90, 270)],
    }
    widths = {"h": 2.2, "e": 2.2, "l": 1.25, "o": 2.2}
    pad, left, scale = Pad(), 60.0, 24.0
    for letter in word:
        for stroke in letters[letter]:
            pad.strokes.append([(left + scale * x, 125 + scale * y) for x, y in stroke])
        left += scale * widths[letter]
    return pad


def canvas(recognizer: Recognizer) -> None:
    """A sheet to write on, with what is read below it; one figure of a word on it where there is no front end."""
    lacking = missing("ipycanvas", "ipywidgets") if alive() else ""
    if alive() and not lacking:
        from IPython.display import display

        display(writing(recognizer))
        return
    if lacking:
        print(lacking)
    pad = example()
    grey = pad.picture()
    drawing, alt, _ = start.places(grey, recognizer.read(grey, decoder="greedy"))
    facts = f"{len(pad.strokes)} strokes on a canvas of {pad.width} x {pad.height} pixels"
    base.show(drawing, alt=f"The canvas with a word of plain strokes on it. {alt}", facts=facts)


def writing(recognizer: Recognizer) -> Any:
    """The live canvas as a widget: it draws what mouse, pen or finger do, and reads after each stroke."""
    import ipywidgets
    from ipycanvas import Canvas, hold_canvas

    pad = Pad()
    sheet = Canvas(width=pad.width, height=pad.height, layout={"border": "1px solid #666666"})
    below = ipywidgets.HTML(value=_told("Write a line here, in letters half as high as the sheet."))
    shown = ipywidgets.Image(format="png", value=b"", layout={"display": "none"})
    last_touch = [float("-inf")]  # browsers repeat a touch as a click

    def blank(_: Any = None) -> None:
        pad.clear()
        with hold_canvas():
            sheet.fill_style = f"rgb({PAPER},{PAPER},{PAPER})"
            sheet.fill_rect(0, 0, pad.width, pad.height)
        sheet.stroke_style = f"rgb({INK},{INK},{INK})"
        sheet.line_width, sheet.line_cap = PEN, "round"
        shown.layout.display = "none"

    def drawn(x: float, y: float) -> None:
        piece = pad.move(x, y)
        if piece is not None:
            sheet.stroke_line(*piece[0], *piece[1])

    def read() -> None:
        if not pad.up():
            return
        grey = pad.picture()
        reading = recognizer.read(grey, decoder="greedy")
        if not reading.text:
            below.value = _told("Nothing read yet: go on writing.")
            return
        below.value = _told(f"read: {reading.text}   (confidence {100 * reading.confidence:.0f} %)")
        shown.value = base.encode(start.places(grey, reading)[0])
        shown.layout.display = ""

    def mouse(action: Any) -> Any:
        return lambda *at: action(*at) if time.monotonic() - last_touch[0] > 1 else None

    def finger(action: Any) -> Any:
        def handle(fingers: Sequence[tuple[float, float]] = ()) -> None:
            last_touch[0] = time.monotonic()
            if fingers:
                action(*fingers[0])

        return handle

    def lift(*_: Any) -> None:
        read()
        last_touch[0] = time.monotonic()  # the click waits until this has been read

    sheet.on_mouse_down(mouse(pad.down))
    sheet.on_mouse_move(mouse(drawn))
    sheet.on_mouse_up(mouse(lambda *_: read()))
    sheet.on_mouse_out(mouse(lambda *_: read()))
    sheet.on_touch_start(finger(pad.down))
    sheet.on_touch_move(finger(drawn))
    sheet.on_touch_end(lift)
    sheet.on_touch_cancel(lift)
    button = ipywidgets.Button(description="New sheet")
    button.on_click(blank)
    blank()
    return ipywidgets.VBox([sheet, button, below, shown])


def _told(line: str) -> str:
    return f"<pre style='font-size: 1.2em; margin: 0.3em 0'>{html.escape(line)}</pre>"


def frames(recognizer: Recognizer, lines: Sequence[Line], *, width: int = 4) -> None:
    """One line, what the network says in one of its frames, and what a beam makes of all: with controls, or once.

    At first it shows the frame of which the network is least sure.

    Args:
        lines: to choose from; the first is shown without a front end. width: of the beam.
    """
    answers: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def drawing(number: int, at: int, beam: int) -> tuple[Any, str, str]:
        if number not in answers:
            grey = lines[number].image()
            answers[number] = recognizer.prepare(grey).ink, recognizer.log_probs([grey])[0]
        ink, log_probs = answers[number]
        return ctc.window(
            ink,
            log_probs,
            recognizer.charset,
            min(at, len(log_probs) - 1),
            beam,
            step=recognizer.frame_step,
            truth=lines[number].text,
        )

    drawing(0, 0, width)
    frame = int(answers[0][1].max(1).argmin())
    first, alt, facts = drawing(0, frame, width)
    lacking = missing("ipywidgets") if alive() else ""
    if not alive() or lacking:
        if lacking:
            print(lacking)
        base.show(first, alt=alt, facts=facts)
        return
    import ipywidgets
    from IPython.display import display

    choice = ipywidgets.Dropdown(
        options=[(one.text[:60], n) for n, one in enumerate(lines)], description="line"
    )
    slider = ipywidgets.IntSlider(
        frame, 0, len(answers[0][1]) - 1, description="frame", layout={"width": "60em"}
    )
    beam = ipywidgets.IntSlider(width, 1, 32, description="beam width")
    picture = ipywidgets.Image(format="png", value=base.encode(first))

    def renew(_: Any = None) -> None:
        drawn = drawing(choice.value, slider.value, beam.value)[0]
        slider.max = len(answers[choice.value][1]) - 1
        picture.value = base.encode(drawn)

    for control in (choice, slider, beam):
        control.observe(renew, "value")
    display(ipywidgets.VBox([choice, slider, beam, picture]))
