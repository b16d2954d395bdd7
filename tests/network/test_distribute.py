"""Training on several devices: the same curve as on one, one line when a worker is lost, and on from the checkpoint.

Several devices need processes of their own, since TensorFlow's devices are set when it starts.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.network import checkpoints, distribute
from tests.helpers import replica
from tests.helpers.chapters import ROOT
from tests.helpers.faults import record

SECONDS = 900  # for a tiny training on a busy machine
EPOCHS = 20  # of four steps


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.helpers.replica", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err[-2000:]
    return json.loads(out.splitlines()[-1])


def workers(*words: object) -> list[subprocess.Popen[str]]:
    """Two workers that find each other on the loopback."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1], two.getsockname()[1]]
    shared = ("--strategy", "multiworker", "--ports", *ports, *words)
    return [start(*shared, "--number", number) for number in (0, 1)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    """The training on one device, with the whole batch."""
    found = replica.train(EPOCHS)
    assert len(found["losses"]) == found["steps"] == 4 * EPOCHS
    assert found["losses"][19] < found["losses"][0] / 2
    return found


@pytest.mark.slow
def test_two_devices_of_one_machine_follow_it_too(alone: dict[str, Any]) -> None:
    found = result(start("--strategy", "mirrored", "--devices", 2, "--epochs", EPOCHS))
    np.testing.assert_allclose(found["losses"], alone["losses"], rtol=0, atol=1e-4)


def test_convolutions_in_16_bits_learn_as_well(alone: dict[str, Any]) -> None:
    """Near the curve, not on it: a bfloat16 has 8 bits of precision."""
    found = replica.train(EPOCHS, precision="bfloat16")
    assert len(found["losses"]) == 4 * EPOCHS and found["losses"] != alone["losses"]
    np.testing.assert_allclose(found["losses"][:20], alone["losses"][:20], rtol=0.15)


@pytest.mark.slow
def test_htr_train_on_two_workers_leaves_one_model_and_one_report(tmp_path: Path) -> None:
    """The first worker writes the model and reads the test lines when the second has long ended."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        names = [f"127.0.0.1:{s.getsockname()[1]}" for s in (one, two)]
    model = tmp_path / "shared" / "m.keras"
    words = [
        "train",
        "--strategy",
        "multiworker",
        "--limit",
        12,
        "--batch",
        6,
        "--epochs",
        1,
        "--workers",
        0,
    ]
    command = [sys.executable, "-m", "htr_utils", *map(str, words), "--out", str(model)]
    pair = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": names}, "task": {"type": "worker", "index": number}}
                ),
            },
        )
        for number in (0, 1)
    ]
    second, first = (process.communicate(timeout=SECONDS) for process in reversed(pair))
    for process, (out, err) in zip(pair, (first, second), strict=True):
        assert process.returncode == 0, out + err[-2000:]
        assert "worker" in out and "Traceback" not in err
    assert f"wrote {model}" in first[0] and "wrote" not in second[0]
    assert "embedded test" in first[0] and "embedded test" not in second[0]
    assert model.is_file() and len(list(tmp_path.rglob("events.out.*"))) == 1


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_two_workers_follow_the_curve_of_one_process_also_after_one_is_lost(
    victim: int, alone: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No dropout; one batch in four has an odd number of rows. The first worker alone writes.

    A lost worker ends the job with one line, and both go on later from the checkpoint.
    """
    words = ("--epochs", EPOCHS, "--folder", tmp_path / "run")
    pair = workers(*words)
    begin = time.monotonic()
    while not (tmp_path / "run" / "state.npz").is_file():
        assert time.monotonic() - begin < SECONDS and pair[0].poll() is None
        time.sleep(0.1)
    pair[victim].send_signal(signal.SIGKILL)
    out, err = pair[1 - victim].communicate(timeout=distribute.TIMEOUT + 60)
    told = [line for line in out.splitlines() if line.startswith("error:")]
    assert len(told) == 1 and "another worker is gone" in told[0], out + err
    assert "Traceback" not in err and pair[1 - victim].returncode == 1
    pair[victim].communicate()
    stood = checkpoints.read(tmp_path / "run")
    assert stood is not None and 1 <= stood[0]["epoch"] < EPOCHS
    again = [result(process) for process in workers(*words)]
    before, after = np.split(np.array(alone["losses"]), [4 * stood[0]["epoch"]])
    first = [row["loss"] for row in stood[0]["history"]]
    np.testing.assert_allclose(first, before.reshape(-1, 4).mean(1), rtol=0, atol=2e-4)
    for one in again:
        assert one["steps"] == 4 * EPOCHS and len(one["losses"]) == len(after)
        # Further on sums in another order tell.
        np.testing.assert_allclose(one["losses"][:20], after[:20], rtol=1e-3)
    assert len(list(tmp_path.rglob("events.out.*"))) == 2, "one of each sitting"
    record(
        request,
        "one of two workers killed (SIGKILL)",
        2,
        "the other ends with one line; both go on from the checkpoint",
    )


# ---- in this process


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("replicas", [2, 3])
def test_every_replica_gets_as_many_rows_and_the_mean_stays(count: int, replicas: int) -> None:
    batch = {"width": np.arange(count), "image": np.arange(2 * count).reshape(count, 2)}
    parts = [distribute.rows(batch, number, replicas) for number in range(replicas)]
    assert len({len(part["width"]) for part in parts}) == 1 and len(parts[0]["width"])
    together = np.concatenate([part["width"] for part in parts])
    assert sorted(together) == sorted(np.tile(batch["width"], len(together) // count))
    if count % replicas == 0:
        assert len(together) == count
    assert all((part["image"][:, 0] == 2 * part["width"]).all() for part in parts)


@pytest.mark.parametrize(
    "told",
    [
        None,
        "{",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_without_a_right_tf_config_one_line_shows_one(
    told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if told is not None:
        monkeypatch.setenv("TF_CONFIG", told)
    with pytest.raises(HtrError, match="needs the environment variable TF_CONFIG") as caught:
        distribute.choose("multiworker")
    assert '"cluster"' in str(caught.value) and "\n" not in str(caught.value)


def test_auto_says_which_device_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    said: list[str] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(distribute.shutil, "which", lambda name: None)
    assert distribute.choose("auto", said.append) is None
    assert said[-1].startswith("strategy auto: no GPU here; training runs on ")
    monkeypatch.setattr(distribute.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    distribute.choose("auto", said.append)
    assert "has an NVIDIA GPU" in said[-1]
    with pytest.raises(HtrError, match="no strategy 'all'"):
        distribute.choose("all")


def test_the_time_to_come_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    running = SimpleNamespace(total_steps=200, step=11, batches=range(100), say=said.append)
    clock = iter([90.0, *np.arange(90.6, 120, 0.6)])
    monkeypatch.setattr(distribute.time, "perf_counter", lambda: float(next(clock)))
    pace = distribute.Pace()
    for _ in range(20):
        pace(running, 1.0)  # type: ignore[arg-type]
    assert said == ["here an epoch takes about 1.0 minutes, all to come 2"]
