"""Runs and machines that misbehave: kills, full and read-only disks, odd paths, line ends, locales, no home, no net."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import iam, labels
from htr_utils.runs import record, sweeps
from tests.helpers.chapters import ROOT
from tests.helpers.faults import record as note
from tests.helpers.iam_fake import write_iam

SLOW = """# %% tags=["parameters"]
seconds: float = 0.0  # of sleep
size: int = 0  # bytes to write

# %%
import time
from pathlib import Path

from htr_utils.course.parameters import validate

run = validate(seconds=(seconds, "float", 0, 600), size=(size, "int", 0, None))
run.record(first=1)
Path("started").touch()
time.sleep(run.seconds)
run.record(second=2)
"""


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "05_ünsure.py"
    path.parent.mkdir()
    path.write_text(SLOW, encoding="utf-8")
    return path


def start(*words: object, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "htr_utils", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **more
    )


def test_a_killed_run_leaves_no_record_and_is_run_again(
    chapter: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    plan = sweeps.from_dict({"chapter": str(chapter), "points": [{"seconds": 5.0}]})
    folder = plan.folder(tmp_path / "out", plan.points[0])
    child = start("run", chapter, "-p", "seconds=5.0", "--out", folder, start_new_session=True)
    begin = time.monotonic()
    while not (folder / "work" / chapter.stem / "started").is_file():
        assert time.monotonic() - begin < 300 and child.poll() is None, child.communicate()
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert (
        record.read_metrics(folder) is None and sweeps.finished(plan, tmp_path / "out")[0] is None
    )
    (row,) = sweeps.run(plan, tmp_path / "out", workers=0, say=lambda _: None)
    assert row["state"] == "finished" and row["results.second"] == 2
    note(request, "a run killed (SIGKILL)", 1, "no record; the same command runs it again")


def test_two_runs_do_not_share_a_folder(
    chapter: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        files.alone(tmp_path / "out", "run"),
        pytest.raises(HtrError, match="another run is at work") as caught,
    ):
        record.run(chapter, {}, tmp_path / "out")
    assert "\n" not in str(caught.value)
    note(request, "two runs in one folder", 1, "the second is refused with one line")


def test_a_full_disk_ends_a_run_with_one_line(
    chapter: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "out"
    child = start(
        "run",
        chapter,
        "--out",
        out,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    _, err = child.communicate(timeout=300)
    assert child.returncode == 1 and "Traceback" not in err, err
    assert err.strip().splitlines()[-1].startswith("Error: ")
    assert record.read_metrics(out) is None
    note(request, "a full disk during a run", 1, "one line; no record that looks whole")


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_may_not_be_written_is_one_line(
    reason: int,
    chapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """With a stand-in for the system, since these tests may run as root, who may write everywhere."""

    def no(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(reason, os.strerror(reason), str(path))

    monkeypatch.setattr(Path, "mkdir", no)
    for call in (
        lambda: record.run(chapter, {}, tmp_path / "out"),
        lambda: sweeps.run(
            sweeps.from_dict({"chapter": str(chapter)}), tmp_path / "out", workers=0
        ),
        lambda: files.write_text(tmp_path / "new" / "file.txt", "text"),
    ):
        with pytest.raises(HtrError, match="cannot be written") as caught:
            call()
        assert "\n" not in str(caught.value)
    note(request, "a folder that may not be written", 3, "one line that names it")


def test_files_with_windows_line_ends_say_the_same(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_iam(tmp_path / "unix", xml=True)
    write_iam(tmp_path / "windows", xml=True)
    changed = 0
    for path in (tmp_path / "windows").rglob("*"):
        if path.suffix in (".txt", ".xml"):
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            changed += 1
    one, other = (iam.read(tmp_path / name) for name in ("unix", "windows"))
    assert changed > 3 and [(x.id, x.text, x.writer_id) for x in one.lines.values()] == [
        (x.id, x.text, x.writer_id) for x in other.lines.values()
    ]
    table = tmp_path / "own"
    table.mkdir()
    picture = next((tmp_path / "unix").rglob("*.png")).read_bytes()
    (table / "ä b.png").write_bytes(picture)
    (table / "transcriptions.tsv").write_bytes("name\ttext\r\nä b\tein Text\r\n".encode())
    assert [line.text for line in labels.read(table)] == ["ein Text"]
    (tmp_path / "s.yaml").write_bytes(b"chapter: '07'\r\ngrid:\r\n  frames: [4, 5]\r\n")
    assert len(sweeps.read(tmp_path / "s.yaml").points) == 2
    note(request, "CRLF line ends in data, tables, sweeps", changed + 2, "read like those with LF")


ODD = {
    "no home": {"HOME": None, "USERPROFILE": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a home that is not there": {"HOME": "/nonexistent/home", "MPLCONFIGDIR": None},
    "no display": {"DISPLAY": None, "WAYLAND_DISPLAY": None},
    "a Turkish locale": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    "the C locale": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no network": dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
    ),
}


def read_in(change: dict[str, str | None], folder: Path) -> str:
    """What `htr read` prints for a sample whose path has a space and letters beyond ASCII."""
    place = folder / "möve ñ 手"
    place.mkdir(exist_ok=True)
    picture = place / "a line.png"
    picture.write_bytes((ROOT / "data" / "samples" / "sample-1.png").read_bytes())
    environment = dict(os.environ) | {
        name: value for name, value in change.items() if value is not None
    }
    for name, value in change.items():
        if value is None:
            environment.pop(name, None)
    done = start("read", picture, "--out", place / "out", env=environment)
    out, err = done.communicate(timeout=600)
    assert done.returncode == 0, out + err
    return (place / "out" / "a line.txt").read_text(encoding="utf-8")


def test_a_line_is_read_alike_with_everything_odd_at_once(tmp_path: Path) -> None:
    every = {name: value for change in ODD.values() for name, value in change.items()}
    assert read_in(every, tmp_path).strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_line_is_read_alike_on_an_odd_machine(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert read_in(ODD[name], tmp_path) == read_in({}, tmp_path)
    note(
        request,
        "no home, no display, no network, other locales, odd paths",
        len(ODD),
        "the same reading",
    )


def test_every_path_of_the_repository_is_allowed_on_windows_and_macos(
    request: pytest.FixtureRequest,
) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode != 0:
        pytest.skip("no git here")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    reserved = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
    for name in names:
        assert not re.search(r'[<>:"\\|?*\x00-\x1f]', name) and len(name) < 160, name
        assert not any(reserved.match(part) or part[-1] in ". " for part in name.split("/")), name
    folded = [name.lower() for name in names]
    assert len(folded) == len(set(folded)), (
        "two names that differ in case alone are one file on Windows and macOS"
    )
    note(
        request,
        "path rules of Windows and macOS",
        len(names),
        "every file of the repository can be checked out",
    )


def test_a_file_below_a_file_and_too_long_a_name_are_one_line(tmp_path: Path) -> None:
    """What is tidied away afterwards must not hide why."""
    (tmp_path / "somefile").write_text("text")
    for place in (tmp_path / "somefile" / "x", tmp_path / ("x" * 300)):
        with pytest.raises(HtrError, match="cannot be written") as caught:
            files.write_text(place, "text")
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["somefile"]


def test_names_as_long_as_the_system_allows_are_written_side_by_side(tmp_path: Path) -> None:
    names = ["x" * 250 + str(number) for number in range(8)] + ["行" * 80, "n"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: files.write_text(tmp_path / name, name[-1] * 100_000), names))
    assert {p.name: p.read_text(encoding="utf-8") for p in tmp_path.iterdir()} == {
        name: name[-1] * 100_000 for name in names
    }
