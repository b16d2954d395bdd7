"""The chapter "Experiments": its exercise checks, and what a sweep's records are worth."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.course import statistics
from htr_utils.errors import HtrError
from htr_utils.lines import iam
from htr_utils.runs import record, sweeps
from htr_utils.runs import records as kept_records
from htr_utils.runs.given import Chapter
from tests.helpers.chapters import ROOT


def needed(factor: Callable[[int], float]) -> Callable[[float, float], int]:
    """An answer to 12.2 with some factor for n values."""
    return lambda sd, effect: next(
        n for n in range(2, 1000) if factor(n) * sd / math.sqrt(n) < effect
    )


def by_t(n: int) -> float:
    return statistics.T975[min(n - 2, 29)]


def beyond_the_table(standard_deviation: float, effect: float) -> int:
    """Wrong: has no factor beyond 31 pairs."""
    return needed(lambda n: statistics.T975[n - 2])(standard_deviation, effect)


def luck(limit: float, seed: int) -> int:
    lowest = np.minimum.accumulate(
        np.random.default_rng(seed).normal(size=(5000, 64)), axis=1
    ).mean(axis=0)
    return int(np.flatnonzero(-lowest > limit)[0]) + 1


def pairs(runs: list[dict[str, Any]], name: str) -> list[float]:
    known = {(r["depth"], r["seed"]): r["cer"] for r in runs if r[name] == "a"}
    changed = [r for r in runs if r[name] == "b" and (r["depth"], r["seed"]) in known]
    return [r["cer"] - known[r["depth"], r["seed"]] for r in changed]


def alone_too(runs: list[dict[str, Any]], name: str) -> list[float]:
    """Wrong: takes it that every run has a partner."""
    known = {(r["depth"], r["seed"]): r["cer"] for r in runs if r[name] == "a"}
    return [r["cer"] - known[r["depth"], r["seed"]] for r in runs if r[name] == "b"]


def all_pairs(runs: list[dict[str, Any]], name: str) -> list[float]:
    return [b["cer"] - a["cer"] for a in runs for b in runs if a[name] == "a" and b[name] == "b"]


SWEEP = {"chapter": "08", "grid": {"lines": [16, 32], "batch": [4, 8]}, "seeds": [0, 1, 2]}


ANSWERS: list[tuple[str, Any, list[Any]]] = [
    ("13.1", 72, [24, 12, 27, 5]),
    (
        "13.2",
        needed(by_t),
        [
            needed(lambda n: 1.96),
            needed(lambda n: statistics.T975[min(n - 1, 29)]),
            needed(lambda n: statistics.T975[min(n - 3, 29)]),
            beyond_the_table,
            lambda sd, effect: max(3, needed(by_t)(sd, effect)),
            lambda sd, effect: next(
                (n for n in range(2, 32) if by_t(n) * sd < effect), 31
            ),  # without the root
            lambda sd, effect: 1,
        ],
    ),
    (
        "13.3",
        luck,
        [
            lambda limit, s: luck(limit, s) - 1,
            lambda limit, s: 16,
            lambda limit, s: 0,
            lambda limit, s: luck(limit, s) + 1,
        ],
    ),
    (
        "13.4",
        SWEEP,
        [
            SWEEP | {"seeds": [0]},
            SWEEP | {"grid": {"line": [1]}},
            SWEEP | {"chapter": "09"},
            SWEEP | {"seeds": [1, 2, 3]},
        ],
    ),
    (
        "13.5",
        pairs,
        [
            all_pairs,
            alone_too,
            lambda r, n: pairs(r, n)[:2],
            lambda r, n: [-v for v in pairs(r, n)],
        ],
    ),
]


def run(cer: float, seed: int = 0, **parameters: Any) -> dict[str, Any]:
    return {
        "parameters": {"lines": 5, **parameters, "seed": seed},
        "seed": seed,
        "results": {},
        "rate": cer,
    }


def test_effects_are_taken_over_pairs_alike_in_all_else() -> None:
    runs = [
        run(10.0 + s + (3 if deep else 0) + 20 * wide, s, deep=deep, wide=wide)
        for s in (0, 5, 9)
        for deep in (False, True)
        for wide in (0, 1)
    ]
    runs.append(run(99.0, 77, deep=True, wide=0))  # has no partner
    found = {one.change: one for one in statistics.effects(runs)}
    deep = found["deep=False instead of True"]  # the value that most runs have comes first
    assert (
        deep.pairs == 6
        and deep.mean == pytest.approx(-3)
        and deep.low == pytest.approx(-3)
        and deep.clear
    )
    assert found["wide=1 instead of 0"].mean == pytest.approx(20)
    assert statistics.best(runs)["rate"] == 10.0


def test_one_pair_says_nothing_about_the_spread() -> None:
    (one,) = statistics.effects([run(1, deep=1), run(1, 3, deep=1), run(9, deep=2)])
    assert one.pairs == 1 and one.low == -math.inf and not one.clear


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40), st.floats(-100, 100))
def test_an_interval_moves_with_its_values(values: list[float], by: float) -> None:
    mean, low, high = statistics.interval(values)
    moved = statistics.interval([value + by for value in values])
    assert low <= mean <= high
    np.testing.assert_allclose(moved, [mean + by, low + by, high + by], atol=1e-6)


def test_the_factors_are_those_of_student() -> None:
    stats = pytest.importorskip("scipy.stats")
    right = [stats.t.ppf(0.975, df) for df in range(1, 31)]
    np.testing.assert_allclose(statistics.T975, right, atol=6e-4)


def test_a_label_names_what_is_special() -> None:
    runs = [
        run(1, s, deep=d, size=z)
        for s in (0, 1)
        for d, z in ((1, 0.5), (1, 1.0), (1, 0.5), (2, 0.5))
    ]
    assert list(statistics.groups(runs)) == ["as usual", "size=1.0", "deep=2"]
    assert statistics.varied(runs) == ["deep", "size"]


def test_the_stored_records_fit_the_sweep_file_of_the_course() -> None:
    runs, origin = kept_records.load(kept_records.stored())
    plan = sweeps.read(ROOT / "sweeps" / "small.yaml")
    assert [one["given"] for one in runs] == plan.points
    assert origin.startswith("trained by `htr sweep`")
    assert all(one["source"] == plan.source for one in runs), (
        "the notebook of the sweep has changed since"
    )
    assert "/" not in json.dumps([one["results"] for one in runs])


def test_records_are_kept_without_paths_and_read_again(tmp_path: Path) -> None:
    chapter = tmp_path / "t.py"
    chapter.write_text(
        '# %% tags=["parameters"]\nseed: int = 0  # x\n\n# %%\nvalidate(seed=(seed, "int"))\n'
    )
    plan = sweeps.from_dict({"chapter": str(chapter), "seeds": [0, 1]})
    row = {"epoch": 1, "loss": 2.0, "cer": 0.5, "gradient": 3.0}
    for point in plan.points[:1]:
        content = {
            "error": "",
            "given": point,
            "parameters": point,
            "seed": 0,
            **record.made_from(Chapter(plan.chapter), point),
            "results": {"cer": 0.5, "model": "/home/me/model.keras", "history": [row]},
        }
        folder = plan.folder(tmp_path / "out", point)
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(content))
    assert kept_records.load(tmp_path / "out")[0][0]["results"]["model"]
    assert kept_records.keep(plan, tmp_path / "out", tmp_path / "kept.json") == 1
    (kept,), origin = kept_records.load(tmp_path / "kept.json")
    assert kept["rate"] == 50
    assert kept["results"] == {"cer": 0.5, "history": [{"epoch": 1, "loss": 2.0, "cer": 0.5}]}
    assert "1 of 2 points" in origin


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"origin": "x", "runs": []}'])
def test_nothing_to_read_is_one_line(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(HtrError, match="of a sweep") as caught:
        kept_records.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "sweeps").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_sweep_of_the_course_can_be_run(file: Path) -> None:
    plan = sweeps.read(file)
    known = Chapter(plan.chapter).parameters
    assert len(plan.points) > 1 and all(one.comment and one.kind for one in known.values())


def test_figures_take_little(capsys: pytest.CaptureFixture[str]) -> None:
    """One run, no history, no effect."""
    from htr_utils.course.plots import experiments as plots

    plots.curves({"as usual": [run(1.0)]})
    plots.spread({"as usual": [run(1.0)]})
    plots.effects([statistics.Effect("a", 1.0, -math.inf, math.inf, 1)])
    out = capsys.readouterr().out
    assert "clear of zero: none" in out
    assert "A dot and an interval" in out and "PNG" not in out, "its text, not the picture's bytes"


# ---- the chapter over the records of every sweep that comes with the course


def rate_of(point: dict[str, Any], width: float = 1.0) -> float:
    """A made-up error rate (%): a part of it for each value that is special, and noise."""
    told = json.dumps(point, sort_keys=True, default=str)
    draw = np.random.default_rng(zlib.crc32(told.encode()))
    return float(20 + len(point) + width * draw.normal())


def records(plan: sweeps.Sweep, out: Path, names: tuple[str, ...]) -> None:
    """What a sweep leaves when all of its points went through, with made-up results."""
    chapter = Chapter(plan.chapter)
    origin = record.made_from(chapter, chapter.check(plan.points[0]))
    for point in plan.points:
        values = chapter.check(point)
        results: dict[str, Any] = {name: rate_of(point) / 100 for name in names}
        if "epochs" in values:
            results["history"] = [{"epoch": n, "loss": 9.0 / n, "cer": 0.9 / n} for n in (1, 2, 3)]
        content = {
            "error": "",
            "given": point,
            "parameters": values,
            "seed": values.get("seed"),
            "results": results,
            **origin,
        }
        folder = plan.folder(out, point)
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")


def run_experiments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **parameters: str
) -> str:
    """All cells of the chapter's source, with these parameters, in this process; what it printed."""
    import matplotlib
    from jupytext import read as read_source

    matplotlib.use("Agg")
    monkeypatch.chdir(ROOT / "notebooks")
    book = read_source(ROOT / "notebooks" / "src" / "13_experiments.py")
    names: dict[str, Any] = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "13_experiments.py", "exec"), names)
            if "parameters" in cell.metadata.get("tags", []):
                names.update(parameters)
    return capsys.readouterr().out


class Quiet:
    """Stands for the trained model, which other tests load."""

    @staticmethod
    def load(name: str) -> Any:
        return Quiet()

    def read(self, path: object, **_: object) -> Any:
        return type("Reading", (), {"text": "a line"})


OTHER = {
    "one point": {"chapter": "08"},
    "training": {"chapter": "08", "grid": {"lines": [16, 32], "batch": [4, 8]}, "seeds": [0, 1]},
    "drawn two": {
        "chapter": "08",
        "random": {
            "points": 6,
            "from": {"steps": {"low": 20, "high": 200}, "lines": {"low": 10, "high": 99}},
        },
    },
    "drawn": {
        "chapter": "08",
        "random": {"points": 4, "from": {"steps": {"low": 20, "high": 200}}},
    },
}


@pytest.mark.parametrize("name", ["small", "seeds", "reading", "ablation", "09_weight", *OTHER])
def test_the_chapter_runs_over_the_records_of_any_sweep(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import htr_utils

    folder = ROOT / ("notebooks/src" if name == "09_weight" else "sweeps")
    plan = sweeps.from_dict(OTHER[name]) if name in OTHER else sweeps.read(folder / f"{name}.yaml")
    rate = "cer_validation" if name == "09_weight" else "cer"
    records(plan, tmp_path / "runs", (rate, "seconds"))
    monkeypatch.setattr(htr_utils, "Recognizer", Quiet, raising=False)
    out = run_experiments(monkeypatch, capsys, sweep=str(tmp_path / "runs"), result=rate)
    assert f"{len(plan.points)} runs, trained by `htr sweep`" in out
    seeds = {point.get("seed") for point in plan.points}
    assert ("the usual spread" in out) == (len(seeds) > 1)
    assert ("no curves" in out) == (name in ("reading", "09_weight"))
    assert ("no effects" in out) == (name in ("seeds", "one point", "drawn two"))
    paired = name in ("small", "ablation", "reading", "training", "09_weight", "drawn")
    assert ("nothing minus as usual: []" in out) == (not paired)
    assert "the course's model reads" in out and "nan" not in out


def test_a_sweep_s_folder_stands_for_what_its_last_run_listed(tmp_path: Path) -> None:
    """Points of an older file of the same name are not in the report."""
    for batches in ([4, 8], [16]):
        content = OTHER["training"] | {"grid": {"batch": batches}}
        records(sweeps.from_dict(content), tmp_path, ("cer",))
    assert len(kept_records.load(tmp_path)[0]) == 6
    plan = sweeps.from_dict(content)
    (tmp_path / sweeps.POINTS).write_text(json.dumps([record.key(point) for point in plan.points]))
    runs, _ = kept_records.load(tmp_path)
    assert {one["parameters"]["batch"] for one in runs} == {16}
    del runs[0]["parameters"]["batch"]
    assert statistics.groups(runs) and statistics.effects(runs) == []


def test_runs_without_the_rate_are_one_line(tmp_path: Path) -> None:
    plan = sweeps.from_dict(OTHER["training"])
    records(plan, tmp_path, ("cer_validation", "wer", "other"))
    with pytest.raises(
        HtrError, match=r"record no error rate 'cer'; they have: cer_validation, wer$"
    ):
        kept_records.load(tmp_path)
    assert kept_records.load(tmp_path, "wer")[0][0]["rate"] == pytest.approx(
        rate_of(plan.points[0]), abs=9
    )


@pytest.mark.parametrize(("rows", "runs"), [(1, 10), (5, 3), (9, 3), (6, 5)])
def test_the_usual_spread_is_right_on_pure_noise(rows: int, runs: int) -> None:
    """On average over 400 sweeps of equal runs, within 8 %; leaving out the widest row gave .80."""
    draw = np.random.default_rng(0)
    found = [
        statistics.deviation(list(draw.normal(5, 2.0, (rows, runs))), seed) for seed in range(400)
    ]
    assert np.mean(found) / 2.0 == pytest.approx(1, abs=0.08)


def test_a_run_that_went_astray_does_not_make_the_usual_spread() -> None:
    rows = np.random.default_rng(0).normal(5, 1.0, (7, 3))
    rows[3, 1] = 60
    assert statistics.deviation(list(rows)) < 3
    assert statistics.deviation([[1.0], [2.0]]) == 0
    assert statistics.deviation([[1.0, 3.0], [2.0]]) == pytest.approx(math.sqrt(2))


# ---- what the chapter says, computed


def test_several_intervals_need_a_correction_and_pairs_have_a_price() -> None:
    assert abs(1 - 0.95**4 - 0.19) < 0.005
    assert statistics.T975[2 - 1] == pytest.approx(4.3, abs=0.01)  # three pairs
    assert statistics.T975[4 - 1] == pytest.approx(2.78, abs=0.01)  # two groups of three
    rng = np.random.default_rng(0)
    some = rng.normal(size=(4000, 4, 3))  # sweeps, changes, pairs: no change has an effect
    half = statistics.T975[1] * some.std(axis=2, ddof=1) / math.sqrt(3)
    clear = np.abs(some.mean(axis=2)) > half
    assert clear.any(axis=1).mean() == pytest.approx(0.19, abs=0.02)
    noise = np.abs(rng.standard_t(2, 200_000))
    factor = np.quantile(noise, 1 - 0.05 / 4)
    assert factor == pytest.approx(8.9, abs=0.3)
    corrected = np.abs(some.mean(axis=2)) > half * factor / statistics.T975[1]
    assert corrected.any(axis=1).mean() == pytest.approx(0.05, abs=0.01)


def test_the_usual_spread_of_five_rows_is_known_within_a_factor_of_three() -> None:
    draw = np.random.default_rng(0)
    found = [statistics.deviation(list(draw.normal(size=(5, 3)))) for _ in range(1000)]
    low, high = np.percentile(found, [2.5, 97.5])
    assert low == pytest.approx(0.5, abs=0.06) and high == pytest.approx(1.65, abs=0.1)
    assert 4.5 / high == pytest.approx(2.7, abs=0.2) and 4.5 / low == pytest.approx(9.1, abs=0.9)


def test_what_the_stored_runs_say_of_pairs_and_of_their_curves() -> None:
    runs, _ = kept_records.load(kept_records.stored())
    groups = statistics.groups(runs)
    usual = [one["rate"] for one in groups["as usual"]]
    ratio = {}
    for name, some in groups.items():
        rates = [one["rate"] for one in some]
        paired = statistics.interval([a - b for a, b in zip(rates, usual, strict=True)])
        spread = math.sqrt((np.var(rates, ddof=1) + np.var(usual, ddof=1)) / 3)
        ratio[name] = (paired[2] - paired[1]) / 2 / (statistics.T975[3] * spread)
    wider = [name for name in ratio if name != "as usual" and ratio[name] > 1]
    assert len(wider) == 3 and ratio["stacked=False"] == pytest.approx(0.5, abs=0.1)
    ends = [abs(one["rate"] - 100 * one["results"]["history"][-1]["cer"]) for one in runs]
    assert 1.0 < max(ends) < 1.35


def test_the_plateau_is_what_the_spaces_alone_would_bring() -> None:
    lines = [line for line in iam.read(None).split("validation") if len(line.text) <= 40]
    text = "".join(line.text for line in lines)
    assert len(lines) == 61 and text.count(" ") / len(text) == pytest.approx(0.16, abs=0.005)
    runs, _ = kept_records.load(kept_records.stored())
    rests = [any(0.82 < row["cer"] < 0.86 for row in one["results"]["history"]) for one in runs]
    assert sum(rests) >= 13


def test_the_table_of_networks_says_what_the_chapter_says() -> None:
    table = (ROOT / "docs" / "measured" / "presets.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in table.splitlines() if row.count("|") == 8]
    rates = {row[1].strip(): row[6].strip() for row in rows}
    assert (rates["wide"], rates["seed 1"], rates["no shortcut branch"]) == ("18.6", "22.3", "36.2")
    near = ("32 px high", "40 px high", "LSTM of 128", "three quarters real", "a quarter real")
    assert all(18.6 < float(rates[name]) < 22.3 + 2 for name in near)
    assert float(rates["course"]) < 18.6 - 2 * (22.3 - 18.6)
    seen = {row[1].strip(): int(row[4].strip().replace(",", "")) for row in rows if "," in row[4]}
    slow = ("LSTM of 256", "one frame a step")
    assert all(float(rates[name]) > 22.3 + 2 * (22.3 - 18.6) for name in slow)
    assert all(0.45 < seen[name] / seen["wide"] < 0.6 for name in slow)
    assert seen["course"] > seen["wide"]


def test_nine_random_rates_come_nearer_than_three() -> None:
    rng = np.random.default_rng(0)
    best = rng.uniform(size=(5000, 1))
    grid, drawn = np.linspace(1, 5, 3) / 6, rng.uniform(size=(5000, 9))
    assert np.abs(grid - best).min(axis=1).mean() > 1.3 * np.abs(drawn - best).min(axis=1).mean()
