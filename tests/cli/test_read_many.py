"""`htr read --scheduler`: one result for each input, a ledger, on from where it stopped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from htr_utils.cli import main, read_many
from htr_utils.errors import HtrError
from htr_utils.runs import cluster
from tests.helpers.chapters import ROOT
from tests.helpers.faults import record

LINE = ROOT / "data" / "samples" / "sample-1.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files that can be read, one that cannot; a blank and letters beyond ASCII in the names."""
    root = tmp_path / "in pages"
    (root / "bå").mkdir(parents=True)
    for name in ("a.png", "b.png", "bå/a.png"):
        shutil.copy(LINE, root / name)
    (root / "bad.png").write_text("no picture")
    (root / "notes.txt").write_text("not read")
    return root


def options(out: Path) -> read_many.Options:
    return read_many.Options("course", "line", "json", "greedy", "off", str(out))


def test_folders_stand_for_all_below_them(folder: Path, tmp_path: Path) -> None:
    found = read_many.inputs([str(folder)])
    assert [one.place for one in found] == ["a.png", "b.png", "bad.png", "bå/a.png"]
    with pytest.raises(HtrError, match="would have one result"):
        read_many.inputs([str(folder), str(folder / "a.png")])
    with pytest.raises(HtrError, match="no such file or folder"):
        read_many.inputs([str(tmp_path / "none")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(HtrError, match="no picture and no PDF"):
        read_many.inputs([str(tmp_path / "empty")])


def test_a_chunk_writes_results_and_names_what_failed(folder: Path, tmp_path: Path) -> None:
    some = [asdict(one) for one in read_many.inputs([str(folder)])]
    rows = read_many.read_chunk(some, asdict(options(tmp_path / "out")), 1)
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "finished"]
    assert "bad.png" in rows[2]["error"] and "\n" not in rows[2]["error"] and rows[2]["lines"] == 0
    results = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.json")
    )
    assert results == ["a.png.json", "b.png.json", "bå/a.png.json"]
    one, other = (
        json.loads((tmp_path / "out" / name).read_text(encoding="utf-8")) for name in results[:2]
    )
    assert str(one).replace("a.png", "b.png") == str(other)


def test_only_what_is_left_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, asked = tmp_path / "out", []
    some = options(out)

    def chunks(left: list[read_many.Input], *given: Any) -> Any:
        asked.append([one.place for one in left])
        for one in left:
            state = "failed" if one.place == "bad.png" else "finished"
            error = "bad.png: no" if state == "failed" else ""
            result = f"{one.place}.json"
            (out / result).parent.mkdir(parents=True, exist_ok=True)
            (out / result).touch()
            yield [asdict(one) | {"state": state, "error": error, "results": [result]}]
            if one.place == "b.png" and len(asked) == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(read_many, "_chunks", chunks)
    with pytest.raises(KeyboardInterrupt):
        read_many.run([str(folder)], options(out), scheduler="local", say=lambda _: None)
    with (out / read_many.LEDGER).open("a") as ledger:
        ledger.write('{"place": "bå/a.p')  # killed while it wrote
    told: list[str] = []

    def again() -> list[str]:
        read_many.run([str(folder)], some, scheduler="local", say=told.append)
        return asked[-1]

    assert again() == ["bad.png", "bå/a.png"] and again() == ["bad.png"]
    assert asked[0] == ["a.png", "b.png", "bad.png", "bå/a.png"]
    assert told[0] == "2 of 4 files are read already" and "error: bad.png: no" in told
    assert len(read_many.known(out)) == 4
    (out / "a.png.json").unlink()
    with (folder / "b.png").open("ab") as picture:
        picture.write(b" ")
    assert again() == ["a.png", "b.png", "bad.png"], "a result that is gone, a file that changed"
    assert again() == ["bad.png"]


def test_a_folder_of_results_is_of_one_reading(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither other files with the same names nor another way of reading counts as read."""
    out = tmp_path / "out"

    def chunks(left: list[read_many.Input], *given: Any) -> Any:
        for one in left:
            (out / one.place).parent.mkdir(parents=True, exist_ok=True)
            (out / one.place).touch()
            yield [asdict(one) | {"state": "finished", "error": "", "results": [one.place]}]

    monkeypatch.setattr(read_many, "_chunks", chunks)
    first = options(out)

    def refused(message: str, name: str = str(folder), **other: str) -> None:
        with pytest.raises(HtrError, match=message) as caught:
            read_many.run([name], replace(first, **other), scheduler="local", say=lambda _: None)
        assert "choose another --out" in str(caught.value) and "\n" not in str(caught.value)

    assert len(read_many.run([str(folder)], first, scheduler="local", say=lambda _: None)) == 4
    shutil.copytree(folder, tmp_path / "other")
    os.utime(
        tmp_path / "other" / "a.png", (1, 1)
    )  # as old and as large it would be the same archive, moved
    refused(
        "the result at a.png there is that of .*in pages.* not of .*other", str(tmp_path / "other")
    )
    refused("was begun with --format json, not page", format="page")
    refused("was begun with --spelling off, not gated", spelling="gated")
    refused("was begun with --as line, not auto", kind="auto")
    model = shutil.copy(ROOT / "model" / "course.keras", tmp_path / "mine.keras")
    assert (
        read_many.run([str(folder)], replace(first, model=str(model)), scheduler="local") == []
    ), "the same model"
    with Path(model).open("ab") as file:
        file.write(b" ")
    refused("was begun with another model", model=str(model))
    (out / read_many.SETTINGS).write_text("{}")
    refused("damaged")


def test_one_bad_file_of_a_chunk_costs_no_other(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Whatever a library raises on the way: opening, finding lines, preparing, writing (reading: test_cli.py)."""
    import cv2
    import numpy as np

    from htr_utils import Recognizer, files, pages
    from htr_utils.lines import images

    (folder / "bad.png").unlink()
    some = [asdict(one) for one in read_many.inputs([str(folder)])]

    def rows(name: str) -> list[dict[str, Any]]:
        made = read_many.read_chunk(some, asdict(options(tmp_path / name)), 1)
        written = {
            p.relative_to(tmp_path / name).as_posix() for p in (tmp_path / name).rglob("*.json")
        }
        assert written == {one for row in made for one in row["results"]}
        return made

    for error in (
        cv2.error("no memory"),
        MemoryError(),
        OSError(5, "input/output error"),
        KeyError("x"),
    ):

        def each(
            name: str, *given: Any, error: Exception = error, true: Any = pages.each_page
        ) -> Any:
            if name.endswith("b.png"):
                raise error
            return true(name, *given)

        with monkeypatch.context() as patch:
            patch.setattr(pages, "each_page", each)
            found = rows(f"{type(error).__name__}")
        assert [row["state"] for row in found] == ["finished", "failed", "finished"], found
        assert "b.png" in found[1]["error"] and "\n" not in found[1]["error"]

    wide = np.pad(images.load(LINE), ((0, 0), (0, 40)), "edge")  # b.png has a width of its own
    images.save(folder / "b.png", wide)
    some = [asdict(one) for one in read_many.inputs([str(folder)])]
    for place in (images, Recognizer):
        true_prepare = place.prepare  # type: ignore[attr-defined]

        def failing(*given: Any, true: Any = true_prepare) -> Any:
            grey = next(one for one in given if isinstance(one, np.ndarray))
            if grey.shape[1] == wide.shape[1]:
                raise cv2.error("no memory")
            return true(*given)

        with monkeypatch.context() as patch:
            patch.setattr(place, "prepare", failing)
            found = rows(f"{place.__name__}")
        assert [row["state"] for row in found] == ["finished", "failed", "finished"], [
            r["error"] for r in found
        ]
        assert "b.png" in found[1]["error"] and "no memory" in found[1]["error"]

    def write(path: Path, text: str, true: Any = files.write_text) -> None:
        if path.name.startswith("b.png"):
            raise OSError(28, "no space left on device")
        true(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_text", write)
        found = rows("disk")
    assert [row["state"] for row in found] == ["finished", "failed", "finished"]
    assert "no space left" in found[1]["error"]
    record(
        request,
        "an error in a library while a folder is read",
        7,
        "one line for that file; the others are read",
    )


def test_a_worker_with_another_model_reads_nothing(folder: Path, tmp_path: Path) -> None:
    """Its own file of that name may be another; a file that was replaced is loaded anew."""
    from htr_utils import Recognizer

    model = Path(shutil.copy(ROOT / "model" / "course.keras", tmp_path / "mine.keras"))
    some = [asdict(one) for one in read_many.inputs([str(folder / "a.png")])]
    begun = replace(options(tmp_path / "out"), model=str(model))
    begun = replace(begun, made=read_many.digest(begun.settings()))
    assert read_many.read_chunk(some, asdict(begun), 1)[0]["state"] == "finished"
    (kept,) = read_many._recognizers.values()
    from htr_utils.network import archive

    found = archive.load(model)
    archive.save(model, found.model, found.preset, found.charset, {"another": "file"})
    (row,) = read_many.read_chunk(some, asdict(begun), 1)
    assert row["state"] == "failed" and "is not the one that the reading began with" in row["error"]
    now = replace(begun, made=read_many.digest(begun.settings()))
    assert now.made != begun.made
    assert read_many.read_chunk(some, asdict(now), 1)[0]["state"] == "finished"
    assert isinstance(kept, Recognizer) and next(iter(read_many._recognizers.values())) is not kept


def test_a_relative_model_is_found_by_workers_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[read_many.Options] = []

    def chunks(left: list[read_many.Input], told: read_many.Options, *given: Any) -> Any:
        asked.append(told)
        return iter(())

    monkeypatch.setattr(read_many, "_chunks", chunks)
    monkeypatch.chdir(ROOT / "model")
    told = replace(options(tmp_path / "out"), model="course.keras")
    read_many.run([str(folder)], told, scheduler="local", say=lambda _: None)
    assert asked[0].model == str(ROOT / "model" / "course.keras")
    assert asked[0].made == read_many.digest(asked[0].settings())


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_odd_names_and_links_to_nowhere_stop_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = folder / os.fsdecode(b"caf\xe9.png")
    shutil.copy(LINE, odd)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "dir.png").mkdir()
    (folder / "bad.png").unlink()
    monkeypatch.setattr(
        read_many,
        "_chunks",
        lambda left, told, *given: [
            read_many.read_chunk([asdict(one) for one in left], asdict(told), 1)
        ],
    )
    told: list[str] = []
    rows = read_many.run(
        [str(folder)], options(tmp_path / "out"), scheduler="local", say=told.append
    )
    assert {row["place"]: row["state"] for row in rows} == {
        "a.png": "finished",
        "b.png": "finished",
        "bå/a.png": "finished",
        odd.name: "finished",
        "gone.png": "failed",
    }
    assert sum(line.startswith("error: ") and "gone.png" in line for line in told) == 1
    assert all(line.encode("utf-8") for line in told)
    rows = read_many.run(
        [str(folder)], options(tmp_path / "out"), scheduler="local", say=told.append
    )
    assert [row["place"] for row in rows] == ["gone.png"]


def test_results_of_pages_that_are_gone_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same archive under another path is the same archive."""
    from PIL import Image

    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    pictures = [Image.open(LINE).convert("L")] * 3
    monkeypatch.setattr(
        read_many,
        "_chunks",
        lambda left, told, *given: (
            [read_many.read_chunk([asdict(one) for one in left], asdict(told), 1)] if left else []
        ),
    )
    for count in (3, 2):
        pictures[0].save(root / "x.tif", save_all=True, append_images=pictures[1:count])
        read_many.run(
            [str(root)], replace(options(out), format="page"), scheduler="local", say=lambda _: None
        )
        found = sorted(path.name for path in out.glob("*.xml"))
        assert found == [f"x.tif-{n}.page.xml" for n in range(1, count + 1)]
    shutil.move(root, tmp_path / "moved")
    moved = [str(tmp_path / "moved")]
    assert (
        read_many.run(
            moved, replace(options(out), format="page"), scheduler="local", say=lambda _: None
        )
        == []
    )


KILLER = """
def killer(chunk, options, threads):
    import os, time
    if any(one["place"] == "wrong" for one in chunk):
        raise ModuleNotFoundError("no module named this")
    if any(one["place"] in ("b.png", "d.png") for one in chunk):
        time.sleep(0.3)
        os._exit(9)
    return [{**one, "state": "finished", "error": "", "results": [], "lines": 1, "seconds": 0, "memory_mb": 1}
            for one in chunk]
"""


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 2, 32])
def test_a_file_that_ends_its_worker_costs_no_other(
    chunk: int,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Nor those of other chunks that were on the same worker."""
    pytest.importorskip("distributed")
    for name in "cdefg":
        shutil.copy(LINE, folder / f"{name}.png")
    names: dict[str, Any] = {"__name__": "__main__"}  # pickled as it stands
    exec(KILLER, names)
    monkeypatch.setattr(read_many, "read_chunk", names["killer"])
    words = ([str(folder)], options(tmp_path / "out"))
    more: dict[str, Any] = {
        "scheduler": "local",
        "workers": 1,
        "say": lambda _: None,
        "chunk": chunk,
    }
    rows = read_many.run(*words, **more)
    states = {row["place"]: row["state"] for row in rows}
    assert len(rows) == len(states) == 9
    assert {place for place, state in states.items() if state != "finished"} == {"b.png", "d.png"}
    errors = [row["error"] for row in rows if row["error"]]
    assert all(
        "its worker ended while it read this file" in error and "\n" not in error
        for error in errors
    )
    if chunk == 32:
        shutil.copy(LINE, folder / "wrong")
        wrong = [read_many.Input("x", "wrong", 1, 1)]
        with pytest.raises(
            HtrError, match=r"the workers cannot read .ModuleNotFoundError: no module named this"
        ):
            list(read_many._chunks(wrong, options(tmp_path / "out"), "local", 1, 1))
    record(
        request,
        "two files of nine that end their worker",
        3,
        "the others are read, in chunks of 1, 2 and 32",
    )


def test_scheduler_needs_a_place_for_the_results() -> None:
    done = CliRunner().invoke(main, ["read", str(LINE), "--scheduler", "local"])
    assert done.exit_code == 2 and "--scheduler needs --out" in done.output


@pytest.mark.slow
def test_two_workers_read_a_folder(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    words = [
        "read",
        folder,
        "--as",
        "line",
        "--scheduler",
        "local",
        "--chunk",
        "1",
        "--out",
        tmp_path / "out",
    ]
    command = [sys.executable, "-m", "htr_utils", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and "3 files read, 1 failed" in done.stdout, (
        done.stdout + done.stderr
    )
    again = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (
        "3 of 4 files are read already" in again.stderr and "0 files read, 1 failed" in again.stdout
    )
    plain = subprocess.run(
        [sys.executable, "-m", "htr_utils", "read", str(folder / "a.png"), "--as", "line"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert plain.stdout.strip() in (tmp_path / "out" / "a.png.txt").read_text(encoding="utf-8")


def test_no_scheduler_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT", 2)
    with pytest.raises(HtrError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        read_many.run(
            [str(folder)],
            options(tmp_path / "out"),
            scheduler="tcp://127.0.0.1:9",
            say=lambda _: None,
        )


def test_a_ledger_that_cannot_be_written_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        read_many, "_chunks", lambda left, *_: iter([[asdict(one) for one in left]])
    )
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / read_many.LEDGER).symlink_to(full)
    with pytest.raises(HtrError, match=f"{read_many.LEDGER}: cannot be written") as caught:
        read_many.run(
            [str(folder)], options(tmp_path / "out"), scheduler="local", say=lambda _: None
        )
    assert "\n" not in str(caught.value)
