"""Another charset for a trained network: known characters keep what was learnt, new ones begin low."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from htr_utils.text.charset import Charset

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

_LOW = -4.0  # how far below the mean of the known ones a new character's bias begins


def widened(
    weights: dict[str, np.ndarray], old: Charset, new: Charset, seed: int = 0
) -> dict[str, np.ndarray]:
    """The weights of a network with the classes of `old`, made to have those of `new`.

    The output layers (`logits`, `shortcut`) change, everything else stays: blank and known characters keep their
    weights, characters that are gone are left out, new ones get small random weights and a low bias, so that the
    network reads at first what it read before.

    Args:
        weights: by name, as a model file lists them; the last axis of the output layers has `old.classes` entries, or
            a multiple of it where frames are joined.
    """
    rng = np.random.default_rng(seed)
    places = {c: i for i, c in enumerate(old.characters, start=1)}
    taken = np.array([0, *(places.get(c, -1) for c in new.characters)])
    known = taken >= 0
    made = dict(weights)
    for name in weights:
        layer, kind = name.split("/")[0], name.split("/")[-1]
        if layer not in ("logits", "shortcut"):
            continue
        parts = np.asarray(weights[name], np.float32)
        parts = parts.reshape(*parts.shape[:-1], -1, old.classes)
        fresh = np.empty((*parts.shape[:-1], new.classes), np.float32)
        if kind == "bias":
            fresh[:] = parts[..., 1:].mean(-1, keepdims=True) + _LOW
        else:
            fresh[:] = rng.normal(0, 0.1 * parts.std(), fresh.shape)
        fresh[..., known] = parts[..., taken[known]]
        made[name] = fresh.reshape(*fresh.shape[:-2], -1)
    return made


def with_charset(start: Archive, charset: Charset) -> Archive:
    """A loaded model made to write another charset, as `widened` says; the model itself where it is the same."""
    from htr_utils.network import archive, models

    if charset == start.charset:
        return start
    weights = {archive.name_of(v): v.numpy() for v in archive.stored(start.model)}
    made = widened(weights, start.charset, charset)
    model = models.build(start.preset, charset.classes)
    for variable in archive.stored(model):
        variable.assign(made[archive.name_of(variable)])
    return replace(start, model=model, charset=charset)
