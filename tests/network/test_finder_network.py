"""The finder's network: shapes, what its loss counts, and the same answer from ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from htr_utils.engines import maps
from htr_utils.network import finder


def test_maps_are_a_quarter_of_the_page() -> None:
    model = finder.build()
    assert model(np.zeros((2, 96, 128, 1), np.float32)).shape == (2, 24, 32, finder.MAPS)
    assert model.count_params() < 400_000


def test_what_is_unknown_costs_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((1, 8, 8, 4)) < 0.5).astype(np.float32)
    counts = np.ones((1, 8, 8, 1), np.float32)
    counts[:, :, 4:] = 0
    right = 30 * (truth - 0.5)
    spoilt = right.copy()
    spoilt[:, :, 4:] *= -1
    known = float(finder.loss(truth, right, counts))
    assert known == pytest.approx(float(finder.loss(truth, spoilt, counts)), abs=1e-5)
    assert known < 0.05 < float(finder.loss(truth, -right, counts))


def test_onnx_runtime_says_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from htr_utils.network import finder_onnx

    model, rng = finder.build(), np.random.default_rng(0)
    for layer in model.layers:  # batch norm that does something
        if "normalization" in layer.name:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    page = rng.random((1, 96, 160, 1)).astype(np.float32)
    (tmp_path / "finder.onnx").write_bytes(finder_onnx.build(model))
    expected = np.asarray(model(page, training=False))
    said = maps.load(tmp_path / "finder.onnx")(page)
    assert np.abs(said - expected).max() < 1e-3 * max(1.0, float(np.abs(expected).max()))
    small = finder_onnx.quantise((tmp_path / "finder.onnx").read_bytes(), [page] * 3)
    assert len(small) < 0.5 * (tmp_path / "finder.onnx").stat().st_size
