"""The model file: complete, safe, refused with one line when it is not ours."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.network import archive, models
from htr_utils.text.charset import Charset


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    preset, charset = models.preset("course"), Charset("abc ")
    model = models.build(preset, charset.classes)
    path = tmp_path_factory.mktemp("model") / "small.keras"
    archive.save(path, model, preset, charset, {"seed": 3}, half=False)
    return path, model


def test_round_trip_keeps_weights_charset_and_origin(saved):
    path, model = saved
    loaded = archive.load(path)
    assert loaded.charset == Charset("abc ") and loaded.about == {"seed": 3}
    for one, other in zip(archive.stored(model), archive.stored(loaded.model), strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    path, model = saved
    archive.save(
        tmp_path / "b.keras",
        model,
        models.preset("course"),
        Charset("abc "),
        {"seed": 3},
        half=False,
    )
    assert (tmp_path / "b.keras").read_bytes() == path.read_bytes()


def rewrite(path, target, change):
    """A copy of a model file whose htr.json `change` has altered."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == "htr.json":
                content = json.dumps(change(json.loads(content))).encode()
            copy.writestr(name, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d | {"format": 99}, "format 99"),
        (lambda d: d | {"preset": d["preset"] | {"name": "os.system"}}, "no preset"),
        (lambda d: d | {"charset": {"characters": "ab"}}, "do not fit"),
        (lambda d: {k: v for k, v in d.items() if k != "about"}, "damaged"),
        (
            lambda d: (
                d
                | {
                    "preset": d["preset"]
                    | {"preparation": {"height": 9, "width": None, "crop": True}}
                }
            ),
            "range",
        ),
    ],
)
def test_a_changed_description_is_refused(saved, tmp_path, change, message):
    rewrite(saved[0], tmp_path / "bad.keras", change)
    with pytest.raises(HtrError, match=message) as caught:
        archive.load(tmp_path / "bad.keras")
    assert "\n" not in str(caught.value)


def test_what_is_no_model_is_refused(tmp_path, saved):
    for name, content in (
        ("a.keras", b"hello"),
        ("b.keras", b""),
        ("c.keras", saved[0].read_bytes()[:3000]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(HtrError, match=r"not a model|damaged"):
            archive.load(tmp_path / name)
    with zipfile.ZipFile(
        tmp_path / "stock.keras", "w"
    ) as stock:  # what keras itself writes has a config
        stock.writestr("config.json", "{}")
    with pytest.raises(HtrError, match=r"no htr\.json"):
        archive.load(tmp_path / "stock.keras")
