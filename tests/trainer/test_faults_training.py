"""Trainings that are killed, starved of disk, or started twice: nothing half written, nothing lost, one line said."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.network import archive, checkpoints, models
from htr_utils.text.passages import Passage
from tests.helpers.bars import CHARSET, trainer
from tests.helpers.faults import record
from tests.helpers.tiny_fonts import FONTS
from workshop.material import build

EPOCHS = 24  # a second or two: the kills come before its end


def _train(folder: str, started: Event | None) -> None:
    """One sitting of a tiny training, in a process of its own; `started` is set at its first step."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    one = trainer(folder, epochs=EPOCHS, validation=True)
    if started is not None:
        one.after_step.append(lambda *_: started.set())
    one.run()


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that start with TensorFlow imported, where the system can fork."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])  # what takes long; imported once
    return context


def run(processes: Any, folder: Path, kill_after: float | None = None) -> int:
    """A sitting to its end, or killed so many seconds after its first step; returns the exit code."""
    started = processes.Event()
    child = processes.Process(target=_train, args=(str(folder), started))
    child.start()
    if kill_after is not None:
        assert started.wait(300)
        time.sleep(kill_after)
        child.kill()
    child.join(600)
    return int(child.exitcode)


@pytest.mark.parametrize(
    "count", [2, pytest.param(10, marks=pytest.mark.slow)], ids=["sample", "all"]
)
def test_a_training_killed_at_random_moments_ends_with_the_same_weights(
    count: int, processes: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    begin = time.monotonic()
    assert run(processes, tmp_path / "unbroken") == 0
    whole = time.monotonic() - begin
    rng = random.Random(count)
    folder, kills, parts, epochs = tmp_path / "killed", 0, 0, []
    while kills < count:
        code = run(processes, folder, kill_after=rng.uniform(0, min(1.0, whole / 3)))
        kills += 1
        found = (
            checkpoints.read(folder) if folder.is_dir() else None
        )  # whole, whenever it was killed
        epochs.append(found[0]["epoch"] if found else 0)
        parts += len(list(folder.glob("*.part")))
        assert code in (-9, 0)
    assert epochs == sorted(epochs)
    assert run(processes, folder) == 0
    one, other = checkpoints.read(tmp_path / "unbroken"), checkpoints.read(folder)
    assert one is not None and other is not None
    assert [row["loss"] for row in one[0]["history"]] == [
        row["loss"] for row in other[0]["history"]
    ]
    assert all(np.array_equal(a, b) for a, b in zip(one[1], other[1], strict=True))
    first, second = checkpoints.read_best(tmp_path / "unbroken"), checkpoints.read_best(folder)
    assert first is not None and second is not None and first.epoch == second.epoch
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
    assert not list(folder.glob("*.part")), "what a killed training left is tidied away"
    print(f"killed after epochs {epochs}; {parts} half-written files were found and removed")
    record(
        request,
        "a training killed (SIGKILL) at random moments",
        count,
        "resumed to the same weights, bit for bit",
    )


class Killed(BaseException):
    """The end of a process, as far as one process can play it: no `except` of the package catches it."""


def test_a_kill_at_every_stage_of_a_checkpoint_leaves_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Each write and each rename of a checkpoint in turn is the last thing the process does."""
    old, new = [np.zeros(3, np.float32)], [np.ones(3, np.float32)]
    row = {"epoch": 1, "loss": 0.5}
    write, replace = Path.write_bytes, Path.replace
    stages = 0
    for stage in range(100):
        folder = tmp_path / str(stage)
        checkpoints.write(
            folder, {"epoch": 1, "history": [row]}, old, checkpoints.Best(1, 0.5, old)
        )
        left = stage

        def dying(call: Any) -> Any:
            def made(path: Path, given: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    if call is write:
                        write(path, given[: len(given) // 2])
                    raise Killed
                return call(path, given)

            return made

        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(Path, "write_bytes", dying(write))
            patch.setattr(Path, "replace", dying(replace))
            about = {"epoch": 2, "history": [row, row | {"epoch": 2}]}
            checkpoints.write(folder, about, new, checkpoints.Best(2, 0.4, new))
            stages = stage
        found, best = checkpoints.read(folder), checkpoints.read_best(folder)
        assert found is not None and best is not None
        assert found[1][0].tolist() == (new if found[0]["epoch"] == 2 else old)[0].tolist()
        assert best.weights[0].tolist() == (new if best.epoch == 2 else old)[0].tolist()
        assert best.epoch >= found[0]["epoch"], "the best is never behind: it would be lost"
        assert json.loads((folder / "history.json").read_text())
        with files.alone(folder, "training"):
            assert not list(folder.glob("*.part"))
        if stages:
            break
    assert stages == 8  # four files, each written and renamed
    record(
        request,
        "a kill at each write and rename of a checkpoint",
        stages,
        "the old checkpoint or the new one, whole",
    )


# --- a full disk


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow over `size` bytes: what writing on a full disk gives, without root's rights."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_a_full_disk_stops_a_training_and_spares_its_checkpoint(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    one = trainer(tmp_path, epochs=3)
    one.run(stop_after=1)
    before = files_in(tmp_path)
    with (
        disk_of(100_000),
        pytest.raises(HtrError, match=r"state\.npz: cannot be written") as caught,
    ):
        one.run(stop_after=1)
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path) == before
    again = trainer(tmp_path, epochs=3)
    assert len(again.run()) == 3
    record(
        request,
        "a full disk while a checkpoint is written",
        1,
        "one line; the older checkpoint stays and resumes",
    )


def test_a_full_disk_while_a_model_or_a_picture_is_written(tmp_path: Path) -> None:
    preset = models.preset("course")
    model = models.build(preset, CHARSET.classes)
    (tmp_path / "m.keras").write_bytes(b"the older one")
    with disk_of(10_000), pytest.raises(HtrError, match=r"m\.keras: cannot be written"):
        archive.save(tmp_path / "m.keras", model, preset, CHARSET, {})
    noise = np.random.default_rng(0).integers(0, 255, (100, 400)).astype(np.uint8)
    with disk_of(10_000), pytest.raises(HtrError, match=r"x\.png: cannot be written"):
        images.save(tmp_path / "new" / "x.png", noise)
    assert files_in(tmp_path) == {"m.keras": b"the older one"}


def test_a_full_disk_while_a_data_set_is_built(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The older data set stays as it was, and no second, half built one lies beside it."""
    passages = [
        Passage(f"p{n}", split, "note", "A short note to a friend, written in the morning.")
        for n, split in enumerate(build.SPLITS)
    ]
    target = tmp_path / "data"
    for size in (200, 3_000):  # not even a picture; pictures, but not lines.txt
        (target / "lines").mkdir(parents=True, exist_ok=True)
        (target / "lines" / "mine.txt").write_text("the older one")
        with disk_of(size), pytest.raises(HtrError, match="cannot be written") as caught:
            build.build(target, passages, say=lambda _: None, scale=0.03, available=FONTS)
        assert "\n" not in str(caught.value)
        assert files_in(target) == {"lines/mine.txt": b"the older one"}
        assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]
    record(
        request,
        "a full disk while a data set is built",
        2,
        "one line; the older data set stays as it was",
    )


# --- two at once


def test_two_trainings_do_not_work_in_one_folder(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with files.alone(tmp_path / "run", "training"):
        one = trainer(tmp_path / "run", epochs=1)
        with pytest.raises(HtrError, match="another training is at work there") as caught:
            one.run()
        assert "\n" not in str(caught.value) and one.epoch == 0
        trainer(tmp_path / "other", epochs=1).run()
    one.run()
    assert one.epoch == 1
    record(request, "two trainings in one folder", 1, "the second is refused with one line")


def _hold(folder: str, ready: Event) -> None:
    with files.alone(folder, "training"):
        ready.set()
        time.sleep(600)


def test_a_killed_process_holds_no_folder(processes: Any, tmp_path: Path) -> None:
    ready = processes.Event()
    child = processes.Process(target=_hold, args=(str(tmp_path), ready))
    child.start()
    assert ready.wait(300)
    with pytest.raises(HtrError, match="another training"), files.alone(tmp_path, "training"):
        pass
    child.kill()
    child.join()
    (tmp_path / f"state.npz.{child.pid}.part").write_bytes(b"half")
    with files.alone(tmp_path, "training"):
        assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_what_others_left_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "film.mkv.part").write_bytes(b"half a film")
    (tmp_path / "model.123.part").mkdir()  # of an export that was killed
    with files.alone(tmp_path, "training"):
        assert {p.name for p in tmp_path.iterdir()} == {".lock", "film.mkv.part", "model.123.part"}


def test_what_a_killed_writing_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        for name in ("state.npz", "x" * 240):
            with pytest.raises(KeyboardInterrupt):
                files.write_bytes(tmp_path / name, b"whole")
    assert len(list(tmp_path.iterdir())) == 2
    with files.alone(tmp_path, "training"):
        assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_a_file_system_without_locks_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with files.alone(tmp_path, "training"):
        pass


def test_the_lock_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its calls, with a stand-in for the module that only Windows has."""
    asked = []

    class Module:
        LK_NBLCK = 2

        @staticmethod
        def locking(number: int, mode: int, size: int) -> None:
            asked.append((mode, size))
            if len(asked) > 1:
                raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", Module)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(files, "os", type("Windows", (), {"name": "nt", "getpid": os.getpid}))
        with files.alone(tmp_path, "training"):
            pass
        with pytest.raises(HtrError, match="another training"), files.alone(tmp_path, "training"):
            pass
    assert asked == [(2, 1), (2, 1)]
