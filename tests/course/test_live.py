"""The cells that answer to a pen and to sliders: alive where a person sits before them, one figure elsewhere."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from htr_utils.course import live
from htr_utils.readings import Character, Reading


class Fake:
    """Reads "hi" in any picture with ink, and keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def read(self, grey: np.ndarray, decoder: str) -> Reading:
        self.seen.append(grey)
        if grey.min() > 200:
            return Reading("", 0.0, (), -1.0)
        return Reading("hi", 0.9, (Character("h", 20.0, 0.95), Character("i", 60.0, 0.4)), -1.0)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"JPY_SESSION_NAME": "/a.ipynb"}, True),
        ({"VSCODE_PID": "12"}, True),
        ({"JPY_SESSION_NAME": "/a.ipynb", "HTR_INTERACTIVE": "0"}, False),
        ({"HTR_INTERACTIVE": "1"}, True),
    ],
)
def test_a_front_end_is_known_by_its_environment(
    environment: dict[str, str], expected: bool
) -> None:
    assert live.alive(environment) is expected


def test_pad_keeps_strokes_and_draws_them() -> None:
    pad = live.Pad(200, 100)
    assert pad.move(1, 1) is None and not pad.up()
    pad.down(10, 50)
    assert pad.move(190, 50) == ((10, 50), (190, 50))
    assert pad.up() and pad.move(0, 0) is None
    grey = pad.picture()
    assert grey.shape == (100, 200) and grey.dtype == np.uint8
    assert grey[50, 20:180].max() < 80 and grey[20].min() == live.PAPER
    pad.clear()
    assert pad.strokes == [] and pad.picture().min() == live.PAPER


def test_without_a_front_end_a_figure_with_facts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(live.SWITCH, "0")
    live.canvas(Fake())  # type: ignore[arg-type]
    assert capsys.readouterr().out.endswith("6 strokes on a canvas of 900 x 170 pixels\n")


def test_a_missing_extra_is_one_line_and_the_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(live.SWITCH, "1")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        live.importlib.util, "find_spec", lambda name: None if name == "ipycanvas" else find(name)
    )
    live.canvas(Fake())  # type: ignore[arg-type]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "ipycanvas not installed (the extra `interactive`): `pip install ipycanvas`, then restart the kernel"
    )
    assert "6 strokes" in told[-1]


@pytest.fixture
def sheet() -> tuple[Any, Any, Fake]:
    """The live canvas, the whole widget, and who reads."""
    pytest.importorskip("ipycanvas")
    reader = Fake()
    widget = live.writing(reader)  # type: ignore[arg-type]
    return widget.children[0], widget, reader


def send(canvas: Any, event: str, *at: float) -> None:
    """What the browser sends."""
    content = (
        {"event": event, "x": at[0], "y": at[1]} if event.startswith("mouse") else {"event": event}
    )
    if event.startswith("touch"):
        content["touches"] = [{"x": at[0], "y": at[1]}] if at else []
    canvas._handle_frontend_event(None, content, [])


def test_mouse_writes_and_is_read(sheet: tuple[Any, Any, Fake]) -> None:
    canvas, widget, reader = sheet
    send(canvas, "mouse_move", 5, 5)  # no button down
    send(canvas, "mouse_down", 20, 40)
    send(canvas, "mouse_move", 80, 90)
    assert reader.seen == []
    send(canvas, "mouse_up", 80, 90)
    [grey] = reader.seen
    assert grey[40:90, 20:80].min() < 80 and (grey < 200).sum() > 100
    _, button, told, shown = widget.children
    assert "read: hi" in told.value and bytes(shown.value).startswith(b"\x89PNG")
    send(canvas, "mouse_out", 0, 0)
    assert len(reader.seen) == 1
    button.click()
    send(canvas, "mouse_down", 5, 5)
    send(canvas, "mouse_up", 5, 5)
    assert (reader.seen[-1][40:90, 20:80] == live.PAPER).all()


def test_a_finger_writes_and_its_click_does_not_repeat_it(sheet: tuple[Any, Any, Fake]) -> None:
    canvas, _, reader = sheet
    send(canvas, "touch_start", 20, 40)
    send(canvas, "touch_move", 80, 40)
    send(canvas, "touch_end")
    for event in ("mouse_down", "mouse_up"):  # browsers send these after a touch
        send(canvas, event, 20, 40)
    assert len(reader.seen) == 1 and reader.seen[0][40, 25:75].max() < 80


class Line(SimpleNamespace):
    def image(self) -> np.ndarray:
        return np.full((48, 80), 200, np.uint8)


class Answers:
    """A recogniser of two characters whose answer is given."""

    def __init__(self) -> None:
        from htr_utils.text.charset import Charset

        self.charset, self.frame_step = Charset("ab"), 4
        table = np.full((20, 3), 0.02)
        table[:, 0] = 0.96
        table[7] = (0.02, 0.96, 0.02)
        table[12] = (0.3, 0.3, 0.4)
        self.table = np.log(table)

    def prepare(self, grey: np.ndarray) -> Any:
        return SimpleNamespace(ink=np.zeros((48, 80), np.float32))

    def log_probs(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        return [self.table]


def test_frames_show_the_doubtful_one_and_sliders_renew_the_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[Any] = [Line(text="ab"), Line(text="ba")]
    monkeypatch.setenv(live.SWITCH, "0")
    live.frames(Answers(), lines, width=3)  # type: ignore[arg-type]
    assert "a beam of width 3" in capsys.readouterr().out
    pytest.importorskip("ipywidgets")
    monkeypatch.setenv(live.SWITCH, "1")
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    live.frames(Answers(), lines)  # type: ignore[arg-type]
    choice, frame, beam, picture = shown[0].children
    assert frame.value == 12
    before = picture.value
    frame.value = 7
    assert picture.value != before
    before = picture.value
    choice.value = 1
    assert picture.value != before
    beam.value = 9
