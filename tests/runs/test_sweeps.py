"""`htr run` and `htr sweep`: parameters checked before any work, full records, sweeps that survive faults."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from papermill.cli import papermill

from htr_utils.cli import main
from htr_utils.errors import HtrError
from htr_utils.runs import cluster, execute, record, records, sweeps
from htr_utils.runs.given import Chapter
from htr_utils.runs.table import write as write_table
from tests.helpers.chapters import NOTEBOOKS, OTHER_PARAMETERS, ROOT, SOURCES
from tests.helpers.faults import record as note
from tests.helpers.iam_fake import write_iam

SMALL = """# %% [markdown]
# # 3 · Squares

# %% tags=["parameters"]
number: int = 2  # what is squared (0 to 9)
word: str = "to"  # a word
scale: float = 1.0  # a factor
quick: bool = True  # whether to hurry
my_image: str = ""  # a picture
seed: int = 0  # random numbers

# %%
from htr_utils.course.parameters import validate

run = validate(
    number=(number, "int", 0, 9), word=(word, "text", 1, 400), scale=(scale, "float", 0, 5), quick=(quick, "bool"),
    my_image=(my_image or None, "path"), seed=(seed, "int", 0, None),
)

# %%
import os
import random
from pathlib import Path

if run.word == "fail":
    raise ValueError("the word is fail")
marker = Path(run.word)
if run.word.endswith(".killed") and run.number == 4 and not marker.exists():
    marker.touch()
    os.kill(os.getppid(), 9)
run.record(square=run.number**2 * run.scale, drawn=random.random(), curve=[1, 2], cer={"test": 0.5})
"""


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    path = tmp_path / "03_squares.py"
    path.write_text(SMALL, encoding="utf-8")
    return path


def call(*words: str | Path) -> Any:
    return CliRunner().invoke(main, [str(word) for word in words])


# ---- parameters


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_lists_each_parameter_with_its_comment(notebook: Path) -> None:
    """What a chapter says about its parameters is what papermill's --help-notebook shows."""
    done = CliRunner().invoke(papermill, ["--help-notebook", str(notebook)])
    assert done.exit_code == 0
    known = Chapter(notebook).parameters
    shown = " ".join(done.stdout.split())
    assert known and "No parameters" not in shown
    for one in known.values():
        default = f'"{one.default}"' if isinstance(one.default, str) else str(one.default)
        told = rf"{one.name}: {one.type} \(default {re.escape(default)}\) {re.escape(one.comment)}"
        assert one.comment and re.search(told, shown), f"{one.name}: {shown}"
        assert one.kind, f"{one.name} is not validated"
    listed = re.findall(r"(\w+): \w+ \(default", shown)
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_defaults_of_every_chapter_are_allowed(notebook: Path) -> None:
    chapter = Chapter(notebook)
    assert chapter.check({}).keys() == chapter.parameters.keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nubmer=3", "has no parameter 'nubmer'; it has: my_image, number"),
        ("number=10.0", "number is 10.0 (float); allowed: a whole number from 0 to 9, written 10"),
        ("number=10", "number is 10 (int); allowed: a whole number from 0 to 9"),
        ("number=four", "number is 'four' (str)"),
        ('quick="false"', "quick is 'false' (str); allowed: True or False"),
        ("scale=nan", "scale is 'nan' (str)"),
        (
            "my_image=no/such.png",
            "my_image is 'no/such.png' (str); allowed: None, or a path that exists",
        ),
        ("number", "-p number: give NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_one_line_before_any_work(
    chapter: Path, tmp_path: Path, words: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "run_chapter", lambda *a, **k: pytest.fail("a kernel was started"))
    done = call("run", chapter, "-p", words, "--out", tmp_path / "out")
    assert done.exit_code == 1 and message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_text_stays_text_on_the_command_line(chapter: Path) -> None:
    known = Chapter(chapter)
    assert [known.typed("word", text) for text in ("no", "12", "true")] == ["no", "12", "true"]
    assert known.typed("quick", "False") is False and known.typed("number", "4") == 4
    assert known.typed("scale", "1e-3") == 0.001


def test_an_unknown_model_is_refused_before_any_work() -> None:
    done = call("run", NOTEBOOKS[0], "-p", "model=missing.keras")
    assert done.exit_code == 1 and "no model file 'missing.keras'" in done.output


# ---- one run and its record


def test_a_run_leaves_notebook_page_and_full_record(
    chapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a line.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "a folder"
    done = call("run", chapter, "-p", "number=5", "-p", "my_image=a line.png", "--out", out)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} - {".lock"} == {
        "03_squares.ipynb",
        "03_squares.html",
        "metrics.json",
    }
    found = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert found["parameters"]["number"] == 5 and found["parameters"]["scale"] == 1.0
    assert found["parameters"]["my_image"] == str(tmp_path / "a line.png")
    assert found["results"]["square"] == 25 and found["error"] == "" and found["seed"] == 0
    assert (
        found["versions"]["tensorflow"] and found["machine"]["cores"] and len(found["data"]) == 16
    )
    assert "git" in found and found["seconds"] > 0


def test_same_parameters_same_seed_same_metrics(chapter: Path, tmp_path: Path) -> None:
    made = [
        record.run(chapter, {"seed": seed}, tmp_path / str(n)) for n, seed in enumerate((3, 3, 4))
    ]
    assert made[0]["results"] == made[1]["results"] != made[2]["results"]
    assert made[0]["parameters"] == made[1]["parameters"] and made[0]["data"] == made[1]["data"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_chapter_records_results(source: Path) -> None:
    assert "\nrun.record(" in source.read_text(encoding="utf-8"), "call run.record(name=value) once"


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(OTHER_PARAMETERS))
def test_a_chapter_repeats_itself(number: str, tmp_path: Path) -> None:
    """To the last digit, training included: same parameters, seed, machine and number of threads."""
    made = [
        record.run(number, OTHER_PARAMETERS[number], tmp_path / str(n), threads=1) for n in range(2)
    ]
    rates = [json.dumps(untimed(one["results"]), sort_keys=True) for one in made]
    assert made[0]["error"] == "" and made[0]["results"] and rates[0] == rates[1]
    if number == "08":
        assert list(tmp_path.glob("0/work/*/checkpoint/logs/events*")), (
            "TensorBoard's logs of a training"
        )


def untimed(results: Any) -> Any:
    """Results without what a clock measured."""
    if isinstance(results, dict):
        return {name: untimed(value) for name, value in results.items() if "second" not in name}
    return [untimed(value) for value in results] if isinstance(results, list) else results


# ---- sweep files


def points(**content: Any) -> list[dict[str, Any]]:
    return sweeps.from_dict({"chapter": "07", **content}).points


def test_grid_points_and_seeds() -> None:
    assert points() == [{}]
    assert points(grid={"word": ["to", "no"], "frames": [4]}, parameters={"seed": 1}) == [
        {"seed": 1, "word": "to", "frames": 4},
        {"seed": 1, "word": "no", "frames": 4},
    ]
    assert points(points=[{"frames": 4}], seeds=[0, 1]) == [
        {"frames": 4, "seed": 0},
        {"frames": 4, "seed": 1},
    ]
    assert len(points(points=[{"frames": 4}, {"frames": 4}])) == 1, "the same point twice is one"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_points_stay_in_range_and_repeat(seed: int) -> None:
    body = {
        "points": 5,
        "seed": seed,
        "from": {
            "frames": {"low": 2, "high": 7},
            "word": ["to", "no"],
            "seed": {"low": 0, "high": 10**6},  # no two points alike: those would be one
        },
    }
    drawn = [sweeps.from_dict({"chapter": "07", "random": body}).points for _ in range(2)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 5
    assert all(
        type(p["frames"]) is int and 2 <= p["frames"] <= 7 and p["word"] in ("to", "no")
        for p in drawn[0]
    )


def test_a_scale_is_drawn_evenly_over_its_powers() -> None:
    rule = {"low": 0.01, "high": 1.0, "log": True}
    body = {"points": 400, "from": {"strength": rule}}
    drawn = [p["strength"] for p in sweeps.from_dict({"chapter": "02", "random": body}).points]
    assert all(0.01 <= value <= 1 for value in drawn)
    assert 0.4 < sum(value < 0.1 for value in drawn) / 400 < 0.6


def test_yaml_says_what_people_mean(tmp_path: Path) -> None:
    chapter = ROOT / "sweeps" / "training.py"
    text = f"chapter: {chapter}\ngrid:\n  rate: [1e-3, 2E-2, .5]\n  shortcut: [true]\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    points = sweeps.read(tmp_path / "a.yaml").points
    assert [(p["rate"], p["shortcut"]) for p in points] == [(n, True) for n in (1e-3, 0.02, 0.5)]
    text = "chapter: '07'\nparameters: {word: no}\ngrid:\n  seed: [1, 2]\n"
    (tmp_path / "b.yaml").write_text(text, encoding="utf-8")
    assert [p["word"] for p in sweeps.read(tmp_path / "b.yaml").points] == ["no", "no"]
    (tmp_path / "b.yaml").write_text(text.replace("no}", "on}"), encoding="utf-8")
    assert [p["word"] for p in sweeps.read(tmp_path / "b.yaml").points] == ["on", "on"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chapter: [", "s.yaml, line 1: is not YAML"),
        ("- 1", "s.yaml: a sweep has the keys chapter"),
        ("grid: {}", "`chapter` is missing"),
        ("chapter: '99'", "no chapter '99'"),
        ("chapter: missing.py", "no chapter"),
        ("chapter: '07'\ngrids: {}", "no key 'grids' in a sweep; it has: chapter"),
        ("chapter: '07'\ngrid: {frames: 4}", "`grid: frames` is 4; allowed: a list"),
        ("chapter: '07'\ngrid: {frames: [4, 9]}", "s.yaml, point 2: parameter frames is 9 (int)"),
        (
            "chapter: '07'\ngrid: {frame: [4]}",
            "s.yaml, point 1: chapter 07_ctc_loss has no parameter 'frame'",
        ),
        ("chapter: '07'\ngrid: {frames: [4]}\npoints: [{}]", "give one of grid, random and points"),
        ("chapter: '07'\npoints: [4]", "each of `points` is {name: value, ...}"),
        ("chapter: '07'\nrandom: {points: 0, from: {}}", "`random` needs whole numbers"),
        (
            "chapter: '07'\nrandom: {points: 1, from: {frames: {low: 5, high: 2}}}",
            "random frames is",
        ),
        ("chapter: '07'\ntimeout: soon", "`timeout` is 'soon'"),
    ],
)
def test_a_wrong_sweep_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(HtrError) as caught:
        sweeps.read(tmp_path / "s.yaml")
    assert message in str(caught.value) and "\n" not in str(caught.value)


# ---- sweeps that run


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_goes_on_after_a_failure_and_resumes(chapter: Path, tmp_path: Path) -> None:
    sweep = sweeps.from_dict(
        {"chapter": str(chapter), "grid": {"word": ["to", "fail", "no"], "number": [3]}}
    )
    told: list[str] = []
    rows = sweeps.run(sweep, tmp_path / "out", workers=0, say=told.append)
    assert [row["state"] for row in rows] == ["finished", "failed", "finished"]
    failure = "\n".join(told)
    assert "FAILED: ValueError: the word is fail" in failure
    assert (tmp_path / "out" / rows[1]["notebook"]).is_file() and Path(
        rows[1]["notebook"]
    ).name in failure
    assert [row["results.square"] for row in table(tmp_path / "out")] == ["9.0", "", "9.0"]

    told.clear()
    stamp = (tmp_path / "out" / rows[0]["notebook"]).stat().st_mtime_ns
    sweeps.run(sweep, tmp_path / "out", workers=0, say=told.append)
    assert told[0] == "2 of 3 points are finished already"
    assert sum(bool(re.match(r"\d/3", line)) for line in told) == 1, (
        "only the failed point is run again"
    )
    assert (tmp_path / "out" / rows[0]["notebook"]).stat().st_mtime_ns == stamp

    chapter.write_text(SMALL.replace("**2", "**3"), encoding="utf-8")
    changed = sweeps.from_dict({"chapter": str(chapter), "points": [{"word": "to", "number": 3}]})
    assert sweeps.run(changed, tmp_path / "out", workers=0)[0]["results.square"] == 27, (
        "other code runs again"
    )


def test_a_point_is_run_again_when_its_data_its_model_or_the_package_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made from something else does not count as finished."""
    lines = SMALL.replace(
        "quick: bool = True  # whether to hurry", 'model: str = "course"  # what reads'
    )
    lines = lines.replace('quick=(quick, "bool")', 'model=(model, "text", 1, 400)')
    chapter, model = tmp_path / "03_squares.py", tmp_path / "mine.keras"
    chapter.write_text(lines, encoding="utf-8")
    model.write_bytes(b"one")
    sweep = sweeps.from_dict(
        {"chapter": str(chapter), "points": [{"model": str(model)}, {"number": 3}]}
    )
    out = tmp_path / "out"
    assert sweeps.finished(sweep, out) == [None, None]

    def done() -> list[bool]:
        return [one is not None for one in sweeps.finished(sweep, out)]

    sweeps.run(sweep, out, workers=0, say=lambda _: None)
    assert done() == [True, True]
    model.write_bytes(b"two")
    assert done() == [False, True]
    write_iam(tmp_path / "iam")
    with monkeypatch.context() as patch:
        patch.setenv("HTR_DATA", str(tmp_path / "iam"))
        assert done() == [False, False]
    with monkeypatch.context() as patch:
        patch.setattr(record, "__version__", "99")
        assert done() == [False, False]
    told: list[str] = []
    monkeypatch.setattr(record, "package_sha", lambda: "another")
    sweeps.run(sweep, out, workers=0, say=told.append)
    assert told[:3] == [
        "finished with other code, data, files or version, so run again: 1 points",
        "1 of 2 points are finished already",
        "note: some of them ran with other code of the package; delete their folders to run them again",
    ]
    assert done() == [True, True]
    assert sweeps.finished(
        sweeps.from_dict({"chapter": str(chapter), "points": [{"number": 4}]}), out
    ) == [None]


def test_a_file_that_a_parameter_names_counts_by_its_content(chapter: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "transcriptions.tsv").write_text("a\tone\n", encoding="utf-8")
    about, values = Chapter(chapter), {"my_image": str(mine), "seed": 0}
    before = record.made_from(about, values)
    assert before == record.made_from(about, values) and "language model" not in before["files"]
    (mine / "transcriptions.tsv").write_text("a\tother\n", encoding="utf-8")
    assert record.made_from(about, values) != before
    reading = record.made_from(Chapter(ROOT / "sweeps" / "reading.py"), {"model": "course"})[
        "files"
    ]
    assert (
        len(reading["model"])
        == len(reading["language model"])
        == len(reading["its settings"])
        == 16
    )


STOPS = """# %% tags=["parameters"]
fail: bool = False  # whether to stop on the way
seed: int = 0  # x

# %%
from htr_utils.course.parameters import validate

run = validate(fail=(fail, "bool"), seed=(seed, "int", 0, None))
folder = run.checkpoint
found = sorted(one.name for one in folder.glob("*")) if folder.is_dir() else []
folder.mkdir(exist_ok=True)
(folder / "state.npz").touch()
(folder / "history.csv").touch()
(folder.parent / "other.txt").touch()
run.record(found=found)
if not found:
    raise ValueError("interrupted")
"""


def test_a_run_that_stopped_finds_its_checkpoint_and_no_other_does(tmp_path: Path) -> None:
    chapter = tmp_path / "03_stops.py"
    chapter.write_text(STOPS, encoding="utf-8")
    first = record.run(chapter, {}, tmp_path / "out")
    assert "interrupted" in first["error"] and first["results"]["found"] == []
    chapter.write_text(STOPS + "# another code\nprint()\n", encoding="utf-8")
    assert record.run(chapter, {}, tmp_path / "out")["results"]["found"] == []
    assert record.run(chapter, {"seed": 1}, tmp_path / "out")["results"]["found"] == []
    same = record.run(chapter, {"seed": 1}, tmp_path / "out")
    assert same["error"] == "" and same["results"]["found"] == ["history.csv", "state.npz"]
    left = tmp_path / "out" / "work" / "03_stops"
    assert sorted(one.name for one in (left / "checkpoint").iterdir()) == ["history.csv"], (
        "the weights go"
    )
    assert not (tmp_path / "out" / record.BEGUN).exists()


@pytest.mark.slow
def test_an_interrupted_point_of_the_ablation_goes_on_and_leaves_logs(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed after an epoch: the same result as an unbroken one, with TensorBoard's logs of all epochs."""
    spec = tmp_path / "s.yaml"
    content = {
        "chapter": str(ROOT / "sweeps" / "training.py"),
        "parameters": TINY["training"] | {"epochs": 4},
    }
    spec.write_text(json.dumps(content), encoding="utf-8")
    words = ["sweep", str(spec), "--workers", "0", "--no-report", "--out"]
    command = [sys.executable, "-m", "htr_utils", *words]
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    process = subprocess.Popen([*command, str(broken)], cwd=ROOT, start_new_session=True)
    begin = time.monotonic()
    while not list(broken.rglob("state.npz")):
        assert process.poll() is None and time.monotonic() - begin < 600
        time.sleep(0.05)
    os.killpg(process.pid, 9)
    process.wait()
    for out in (broken, whole):
        subprocess.run([*command, str(out)], cwd=ROOT, check=True, timeout=900)
    (one,), (other,) = (records.finished(out) for out in (broken, whole))
    assert [row["epoch"] for row in one["results"]["history"]] == [1, 2, 3, 4]
    assert one["results"]["edits"] == other["results"]["edits"]
    assert "resumed after epoch" in next(broken.rglob("training.ipynb")).read_text(encoding="utf-8")
    assert list(broken.rglob("checkpoint/logs/events*")) and not list(broken.rglob("*.npz"))
    note(
        request,
        "a sweep killed in a training (SIGKILL)",
        1,
        "the point goes on from its checkpoint, to the same result",
    )


def test_a_sweep_ends_with_its_report(
    chapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chapter "Experiments" over its own records, or one line why not."""
    asked: list[Any] = []
    true = record.run

    def run(which: Any, parameters: Any, out: Path, **more: Any) -> dict[str, Any]:
        if which != "13":
            return true(which, parameters, out, **more)
        asked.append(parameters)
        return {"error": "", "chapter": "13_experiments"}

    monkeypatch.setattr(record, "run", run)
    spec, out = tmp_path / "s.yaml", tmp_path / "out"
    spec.write_text(f"chapter: {chapter.name}\nseeds: [0]\n", encoding="utf-8")
    done = call("sweep", spec, "--out", out, "--workers", "0")
    assert (
        done.exit_code == 0
        and "no report: these runs recorded no error rate" in done.output
        and not asked
    )
    chapter.write_text(SMALL.replace('cer={"test": 0.5}', "cer_test=0.5"), encoding="utf-8")
    done = call("sweep", spec, "--out", out, "--workers", "0")
    assert f"report of cer_test: {out / 'report' / '13_experiments.html'}" in done.output, (
        done.output
    )
    assert asked == [{"sweep": str(out), "result": "cer_test"}]


def test_parquet_says_what_the_csv_says(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"point": "a", "results.cer": 1, "mixed": "x", "seconds": 1.5},
        {"point": "b", "results.cer": 0.5, "mixed": 3, "seconds": None, "results.more": True},
    ]
    write_table(rows, tmp_path)
    found = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert (
        found[0]["results.cer"] == 1.0
        and found[1]["mixed"] == "3"
        and found[1]["results.more"] is True
    )
    assert list(found[0]) == list(table(tmp_path)[0])


def test_dask_runs_points_and_a_killed_worker_is_retried(
    chapter: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("distributed")
    marker = tmp_path / "m.killed"
    spec = tmp_path / "s.yaml"
    spec.write_text(
        f"chapter: {chapter.name}\nparameters: {{word: '{marker}'}}\ngrid: {{number: [2, 4]}}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "htr_utils",
            "sweep",
            str(spec),
            "--out",
            str(tmp_path / "out"),
            "--workers",
            "2",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=200,
    )
    assert "2 of 2 points finished" in done.stdout, done.stdout + done.stderr
    assert marker.exists(), "the worker was not killed"
    assert sorted(row["results.square"] for row in table(tmp_path / "out")) == ["16.0", "4.0"]
    note(
        request,
        "a sweep's Dask worker killed (SIGKILL)",
        1,
        "its point is run again, the others go on",
    )


def test_the_workers_of_any_scheduler_run_the_points(chapter: Path, tmp_path: Path) -> None:
    """One that has two threads does not mix up its points."""
    distributed = pytest.importorskip("distributed")
    sweep = sweeps.from_dict({"chapter": str(chapter), "grid": {"number": [2, 3]}})
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
    ) as cluster:
        rows = sweeps.run(sweep, tmp_path / "out", scheduler=cluster.scheduler_address)
    assert [row["results.square"] for row in rows] == [4.0, 9.0]


BUSY = """# %% tags=["parameters"]
seed: int = 0  # x

# %%
import numpy as np

from htr_utils.course.parameters import validate

run = validate(seed=(seed, "int", 0, None))
a = np.random.default_rng(run.seed).normal(size=(1500, 1500))
for _ in range(40):
    a = np.tanh(a @ a / 1500)
run.record(sum=float(a.sum()))
"""


@pytest.mark.slow
def test_two_workers_on_two_cores_beat_one(tmp_path: Path) -> None:
    """Each with its share of the threads; only where nothing else runs."""
    pytest.importorskip("distributed")
    # What the machine does now: its load average still counts the tests before this one.
    if (os.cpu_count() or 1) < 2 or psutil.cpu_percent(interval=2) > 25:
        pytest.skip("needs two idle cores")
    path = tmp_path / "busy.py"
    path.write_text(BUSY, encoding="utf-8")
    sweep = sweeps.from_dict({"chapter": str(path), "seeds": [0, 1, 2, 3]})
    seconds = []
    for workers in (1, 2):
        begin = time.monotonic()
        rows = sweeps.run(sweep, tmp_path / str(workers), workers=workers)
        seconds.append(time.monotonic() - begin)
        assert all(row["state"] == "finished" for row in rows)
    assert seconds[1] < seconds[0], seconds


def test_no_scheduler_is_one_line(
    chapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT", 2)
    sweep = sweeps.from_dict({"chapter": str(chapter)})
    with pytest.raises(HtrError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        sweeps.run(sweep, tmp_path / "out", scheduler="tcp://127.0.0.1:9")


def test_two_sweeps_do_not_share_a_folder(chapter: Path, tmp_path: Path) -> None:
    from htr_utils import files

    sweep = sweeps.from_dict({"chapter": str(chapter)})
    with (
        files.alone(tmp_path / "out", "sweep"),
        pytest.raises(HtrError, match="another sweep is at work there"),
    ):
        sweeps.run(sweep, tmp_path / "out", workers=0)


# ---- the sweeps of the course


TINY = {
    "training": {"size": 0.1, "lines": 4, "watched": 2, "epochs": 1, "batch": 2, "longest": 25},
    "reading": {"lines": 2},
}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("reading", 2),
        ("seeds", 1),
        *(
            pytest.param(name, None, marks=pytest.mark.slow)
            for name in ("reading", "ablation", "small", "seeds")
        ),
    ],
)
def test_the_sweeps_of_the_course_run_at_tiny_size(
    name: str, first: int | None, tmp_path: Path
) -> None:
    """Every kind of point, one seed; of the seeds alone, two."""
    content = sweeps._yaml((ROOT / "sweeps" / f"{name}.yaml").read_text(encoding="utf-8"), name)
    kind = Path(content["chapter"]).stem
    content["parameters"] = content.get("parameters", {}) | TINY[kind]
    if "points" in content:
        content.pop("seeds", None)
        content["points"] = content["points"][:first]
    else:
        content["seeds"] = content["seeds"][: first or 2]
    plan = sweeps.from_dict(content, ROOT / "sweeps")
    rows = sweeps.run(plan, tmp_path / "out", workers=0)
    assert [row["error"] for row in rows] == [""] * len(plan.points)
    assert all(row["results.cer"] >= 0 for row in rows)
    execute, _ = records.load(tmp_path / "out")
    assert len(execute) == len(plan.points) and all(one["results"]["edits"] for one in execute)
    if kind == "training":
        assert all(one["results"]["history"][0]["loss"] > 0 for one in execute)
        assert len(list((tmp_path / "out").rglob("checkpoint/logs/events*"))) == len(execute)
    if name == "seeds":
        losses = {one["seed"]: one["results"]["history"][0]["loss"] for one in execute}
        assert sorted(losses) == [0, 1][: len(plan.points)] and len(set(losses.values())) == len(
            losses
        )


@pytest.mark.slow
def test_the_model_of_a_run_reads(tmp_path: Path) -> None:
    """A network that is a preset, whole, is kept as a model file; one with a part taken away is not."""
    from htr_utils import Recognizer

    points = [{}, {"shortcut": False}]
    content = {
        "chapter": "training.py",
        "parameters": TINY["training"] | {"size": 1.0},
        "points": points,
    }
    sweeps.run(sweeps.from_dict(content, ROOT / "sweeps"), tmp_path, workers=0)
    execute, _ = records.load(tmp_path)
    files = {one["parameters"]["shortcut"]: one["results"]["model"] for one in execute}
    assert files[False] == ""
    line = sorted((ROOT / "data" / "lines").rglob("*.png"))[0]
    assert isinstance(Recognizer.load(files[True]).read(line).text, str)
