"""The long training's network, in PyTorch: the same numbers as the preset's, there and back through a model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from htr_utils import paths  # noqa: E402
from htr_utils.lines import dataset  # noqa: E402
from htr_utils.text.charset import LATIN, Charset  # noqa: E402
from workshop.training import hands, network  # noqa: E402

START = paths.repo_root() / "model" / "course.keras"  # type: ignore[operator]


def lines(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four lines (4, 48, 320) of ink and their widths."""
    rng = np.random.default_rng(seed)
    widths = np.array([320, 201, 77, 298], np.int32)
    image = np.zeros((4, 48, 320), np.float32)
    for line, width in zip(image, widths, strict=True):
        line[:, :width] = rng.random((48, width)) ** 4
    return image, widths


def logits(net: network.Wide, image: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, ...]:
    with torch.no_grad():
        both = net(torch.from_numpy(image[:, None]), torch.from_numpy(widths))
    return tuple(one.numpy() for one in both)


def published() -> network.Wide:
    description, weights = network.read(START)
    net = network.Wide(Charset.from_json(description["charset"]).classes).eval()
    network.fill(net, weights)
    return net


def test_weights_come_back_as_they_went_in() -> None:
    _, weights = network.read(START)
    back = network.weights_of(published())
    assert list(back) == list(weights)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_padding_and_batch_mates_change_nothing() -> None:
    net, (image, widths) = published(), lines()
    together, _ = logits(net, image, widths)
    for number, width in enumerate(widths):
        padded = -(-width // 32) * 32
        alone, _ = logits(net, image[number : number + 1, :, :padded], widths[number : number + 1])
        frames = -(-width // 4)
        assert np.abs(together[number, :frames] - alone[0, :frames]).max() < 2e-4


@pytest.mark.slow
def test_the_logits_are_those_of_the_preset() -> None:
    pytest.importorskip("keras")
    from htr_utils.network import archive

    image, widths = lines()
    ours = logits(published(), image, widths)
    given = {"image": image[..., None], "width": widths}
    theirs = archive.load(START).model(given, training=False)
    for mine, name in zip(ours, ("logits", "shortcut"), strict=True):
        for number, width in enumerate(widths):
            frames = -(-width // 4)
            difference = mine[number, :frames] - theirs[name].numpy()[number, :frames]
            assert np.abs(difference).max() < 1e-3


class Few:
    """Four lines to be learnt by heart."""

    def __len__(self) -> int:
        return 4

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        image, widths = lines()
        ink = np.round(image[index][:, : widths[index]] * 255).astype(np.uint8)
        return ink, ["50 €", "łąka", "été", "x = y"][index]


def test_a_training_learns_new_letters_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    charset = Charset(LATIN)
    training = hands.Training(START, charset, 2e-3, 4)
    (batch,) = dataset.Batches(Few(), hands.Labels(charset), 4, shuffle=False).epoch(0)
    losses = [training.step(batch, 0.1) for _ in range(6)]  # of a long warm-up
    assert losses[-1] < 0.9 * losses[0]
    training.history.append({"epoch": 0, "lines": 0})
    training.keep(tmp_path, "a command")
    again = hands.Training(START, charset, 2e-3, 4)
    again.resume(tmp_path)
    assert (again.steps, again.history) == (6, [{"epoch": 0, "lines": 0}])
    torch.manual_seed(1)
    one = training.step(batch, 1e-3)
    torch.manual_seed(1)
    assert again.step(batch, 1e-3) == pytest.approx(one, rel=1e-4)
    # From the model file alone: averaged weights and history, another optimiser.
    from_file = hands.Training(tmp_path / "model.keras", charset, 2e-3, 4)
    assert from_file.steps == 0 and from_file.history == [{"epoch": 0, "lines": 0}]
    assert from_file.charset == charset and from_file.stages[0].startswith("htr train")
    image, widths = lines()
    again.resume(tmp_path)
    kept, read = logits(again.mean, image, widths), logits(from_file.mean, image, widths)
    assert np.abs(kept[0] - read[0]).max() < 0.05


def test_rates_are_shown_as_written_and_folded() -> None:
    assert hands.rates([("cafe", "café"), ("a", "a")]) == {"cer": 20.0, "folded": 0.0}


def test_the_rate_is_constant_until_it_is_made_to_fall() -> None:
    assert hands.rate_at(1e-3, 999, None) == 1e-3
    falling = [hands.rate_at(1e-3, epoch, (10, 20)) for epoch in range(25)]
    assert falling[:10] == [1e-3] * 10
    assert all(a > b for a, b in zip(falling[9:19], falling[10:20], strict=True))
    assert falling[20] == pytest.approx(1e-5) and falling[24] == pytest.approx(1e-5)
