"""The training loop: it learns, it resumes exactly, it says what is wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.lines import dataset
from htr_utils.network import archive, checkpoints, models, training
from tests.helpers.bars import CHARSET, Bars, trainer


def test_an_interrupted_training_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    unbroken = trainer(tmp_path / "a")
    unbroken.run()
    trainer(tmp_path / "b").run(stop_after=1)
    again = trainer(tmp_path / "b")
    again.run()
    assert [row["loss"] for row in again.history] == [row["loss"] for row in unbroken.history]
    for one, other in zip(unbroken._state(), again._state(), strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))
    rows = json.loads((tmp_path / "b" / "history.json").read_text())
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert (tmp_path / "b" / "history.csv").read_text().startswith("epoch,step,loss")
    assert not list((tmp_path / "b").glob("*.part"))
    assert shown_by_tensorboard(tmp_path / "a") == shown_by_tensorboard(tmp_path / "b")
    assert shown_by_tensorboard(tmp_path / "a")["loss"] == {
        row["epoch"]: pytest.approx(row["loss"]) for row in unbroken.history
    }


def test_an_epoch_that_is_interrupted_while_it_is_measured_does_not_count(tmp_path, monkeypatch):
    """Ctrl-C there once left "interrupted after epoch 1" and a model that nobody had measured, without a checkpoint."""
    stopped = trainer(tmp_path / "a", validation=True)

    def stop(batches):
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert stopped.epoch == 0 and stopped.history == [] and stopped.best is None


def shown_by_tensorboard(folder):
    """Curve -> {epoch: value} of a training's logs, without what a clock measured."""
    import tensorflow as tf

    found = {}
    for file in (folder / "logs").glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name in ("scalars", "")
                found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    found.pop("lines_per_second")
    return found


def test_other_settings_or_a_damaged_checkpoint_are_refused(tmp_path):
    trainer(tmp_path).run(stop_after=1)
    with pytest.raises(HtrError, match="other settings"):
        trainer(tmp_path, rate=0.5e-3).run()
    state = tmp_path / "state.npz"
    state.write_bytes(state.read_bytes()[:5000])
    with pytest.raises(HtrError, match="damaged"):
        trainer(tmp_path).run()


def test_a_training_on_other_lines_never_takes_the_old_one_for_its_own(tmp_path):
    """Finished: a new one begins. Interrupted: one line. The same lines: it goes on."""
    lines = {"lines": "one", "--init": ""}
    trainer(tmp_path, 2, made_from=lines).run(stop_after=1)
    with pytest.raises(
        HtrError, match="unfinished training was begun with other lines; give those or another"
    ):
        trainer(tmp_path, 2, made_from=lines | {"lines": "two"}).run()
    assert trainer(tmp_path, 2, made_from=lines).run()[-1]["epoch"] == 2
    said = []
    other = trainer(tmp_path, 2, made_from=lines | {"lines": "two"}, say=said.append)
    assert not other.resume() and "other lines than in the training" in said[0]
    assert [row["epoch"] for row in other.run()] == [1, 2]
    assert trainer(tmp_path, 2, made_from=lines | {"lines": "two"}).resume()


def test_a_damaged_picture_in_the_middle_of_an_epoch_is_one_line(tmp_path):
    one = trainer(tmp_path)
    get = one.batches.source.get

    def sometimes(epoch, index):
        if epoch == 1 and index == 3:
            raise HtrError("three.png: is damaged; replace it")
        return get(epoch, index)

    one.batches.source.get = sometimes
    with pytest.raises(HtrError, match=r"^three\.png"):
        one.run()
    assert [row["epoch"] for row in one.history] == [1]


def test_the_best_epoch_of_a_finished_training_lives_until_the_next_ones_first(tmp_path):
    lines = {"lines": "one"}
    trainer(tmp_path, 1, validation=True, made_from=lines).run()
    before = (tmp_path / "best.npz").read_bytes()
    other = trainer(tmp_path, 1, validation=True, made_from={"lines": "two"})
    other.resume()
    assert (tmp_path / "best.npz").read_bytes() == before
    trainer(tmp_path, 1, made_from={"lines": "two"}).run()  # nothing watches this one
    assert not (tmp_path / "best.npz").exists()


def test_more_epochs_may_bring_a_longer_warm_up(tmp_path):
    trainer(tmp_path, epochs=1).run()
    longer = trainer(tmp_path, epochs=2)
    longer.settings = replace(longer.settings, warmup=3)
    assert [row["epoch"] for row in longer.run()] == [1, 2]


def test_a_training_may_be_made_longer(tmp_path):
    short = trainer(tmp_path, epochs=1)
    short.run()
    longer = trainer(tmp_path, epochs=4)
    longer.run()
    assert [row["epoch"] for row in longer.history] == [1, 2, 3, 4]
    assert longer.history[1]["rate"] > short.history[0]["rate"]  # the rate finds its new end
    assert trainer(tmp_path, epochs=3).run() == longer.history  # nothing left to do


def test_a_network_learns_a_few_lines_by_heart():
    import keras

    keras.utils.set_random_seed(0)
    preset = models.preset("course")
    model = models.build(preset, CHARSET.classes)
    losses = training.overfit(
        model, preset, CHARSET, [Bars().get(0, i) for i in range(4)], steps=60
    )
    assert losses[-1] < 0.1 * losses[0]


def test_validation_reports_cer_and_blank_rate():
    one = trainer(epochs=1, validation=True)
    (row,) = one.run()
    assert row["cer"] >= 0 and 0 <= row["blank_rate"] <= 1


def test_rate_warms_up_and_falls_like_a_cosine():
    one = trainer(epochs=10)
    rates = [one.rate(step) for step in range(one.total_steps + 1)]
    assert rates[0] < rates[1] == max(rates)
    assert all(a >= b for a, b in zip(rates[2:], rates[3:], strict=False))
    assert math.isclose(rates[-1], one.settings.rate * one.settings.floor)


def test_infeasible_lines_are_found_and_left_out():
    class Narrow(Bars):
        def get(self, epoch, index):
            ink, text = super().get(epoch, index)
            return (ink[:, :8], "abcabc") if index == 2 else (ink, text)

    labels = training.labels_for(models.preset("course"), CHARSET)
    assert training.infeasible(Narrow(), labels) == [2]
    seen = np.concatenate([b.numbers for b in dataset.Batches(Narrow(), labels, 4).epoch(0)])
    assert sorted(seen) == [i for i in range(12) if i != 2]


def test_settings_out_of_range_are_named():
    with pytest.raises(HtrError, match="rate=0"):
        training.Settings(rate=0).check()


def test_the_model_file_holds_the_best_epoch_and_a_resumed_run_knows_it(tmp_path):
    course = models.preset("course")  # a model file names its preset
    one = trainer(tmp_path, validation=True, preset=course)
    cers = iter([0.5, 0.2, 0.4])
    one.measure = lambda batches: {"cer": next(cers), "blank_rate": 0.5}  # type: ignore[method-assign]
    kept = []
    for _ in range(3):
        one.run_epoch()
        one.checkpoint()
        kept.append([v.numpy() for v in one.ema])
    assert one.best.epoch == 2 and one.best.cer == 0.2
    again = trainer(tmp_path, validation=True, preset=course)
    assert again.resume()
    assert again.best.epoch == 2
    again.export(tmp_path / "m.keras", {}, half=False)
    stored = archive.load(tmp_path / "m.keras")
    for value, best, last in zip(archive.stored(stored.model), kept[1], kept[2], strict=True):
        assert np.array_equal(np.asarray(value), best)
        assert best.size < 9 or not np.array_equal(best, last)
    # Killed between best.npz and state.npz, another training leaves its best epoch here.
    foreign = checkpoints.Best(1, 0.1, again.best.weights)
    checkpoints.write(tmp_path / "other", {"epoch": 1, "history": one.history}, [], foreign)
    (tmp_path / "other" / "best.npz").replace(tmp_path / "best.npz")
    third = trainer(tmp_path, validation=True, preset=course)
    assert third.resume() and third.best is None
