"""The presets with masks and stacked LSTMs in PyTorch, number for number what `htr_utils.network.models` builds."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from htr_utils import files
from htr_utils.text.charset import Charset

# Of `wide`; a test compares the logits with the preset's own.
CHANNELS = (24, 64, 64, 128, 128, 192, 192)
HALVED, RESIDUAL, POOLED = (0, 1), (2, 4, 6), (2, 4)
JOINED, LSTM = 2, 192


class Wide(nn.Module):
    """Preset `wide`: pictures (B, 1, H, W) and widths (B,) -> logits and shortcut, (B, T, C) each."""

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.classes, self.dropout = classes, dropout
        before = (1, *CHANNELS[:-1])
        self.conv = nn.ModuleList(
            nn.Conv2d(a, b, 5 if n == 0 else 3, 2 if n in HALVED else 1, bias=False)
            for n, (a, b) in enumerate(zip(before, CHANNELS, strict=True))
        )
        self.norm = nn.ModuleList(nn.BatchNorm2d(c, eps=1e-3, momentum=0.01) for c in CHANNELS)
        inputs = (JOINED * CHANNELS[-1], 2 * LSTM)
        self.ahead = nn.ModuleList(nn.LSTM(i, LSTM, batch_first=True) for i in inputs)
        self.back = nn.ModuleList(nn.LSTM(i, LSTM, batch_first=True) for i in inputs)
        self.logits = nn.Linear(2 * LSTM, JOINED * classes)
        self.shortcut = nn.Conv1d(CHANNELS[-1], classes, 3, padding=1)

    def forward(
        self, image: torch.Tensor, width: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, columns = image, width
        for n, (conv, norm) in enumerate(zip(self.conv, self.norm, strict=True)):
            y = norm(conv(_padded(x, conv.kernel_size[0], conv.stride[0])))
            x = F.relu(y + x if n in RESIDUAL else y, inplace=True)
            columns = _shrunk(columns, conv.stride[0])
            if n in POOLED:
                x = F.max_pool2d(x, (2, 1))
            inside = torch.arange(x.shape[3])[None] < columns[:, None]
            x = x * inside[:, None, None]
        features = x.amax(2)  # (B, F, T)
        side = self.shortcut(features).transpose(1, 2)
        x = features.transpose(1, 2).reshape(len(x), -1, JOINED * CHANNELS[-1])
        turn = _turned(_shrunk(columns, JOINED), x.shape[1])
        for ahead, back in zip(self.ahead, self.back, strict=True):
            x = F.dropout(x, self.dropout, self.training)
            forward, _ = ahead(x)
            backward, _ = back(_gathered(x, turn))
            x = torch.cat([forward, _gathered(backward, turn)], -1)
        x = self.logits(F.dropout(x, self.dropout, self.training))
        return x.reshape(len(x), -1, self.classes), side


def _padded(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's padding "same", which for stride 2 adds more on the right and below."""
    sides = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


def _shrunk(widths: torch.Tensor, factor: int) -> torch.Tensor:
    return (widths + factor - 1) // factor


def _turned(steps: torch.Tensor, total: int) -> torch.Tensor:
    """For each line its steps from last to first, then the padding as it stands: (B, total)."""
    at = torch.arange(total)[None].expand(len(steps), -1)
    return torch.where(at < steps[:, None], steps[:, None] - 1 - at, at)


def _gathered(x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return x.gather(1, order[:, :, None].expand(-1, -1, x.shape[2]))


def _places(net: Wide) -> dict[str, tuple[torch.Tensor, tuple[int, ...]]]:
    """Name in the model file -> tensor, and the order of its axes there."""
    found: dict[str, tuple[torch.Tensor, tuple[int, ...]]] = {}
    for n, (conv, norm) in enumerate(zip(net.conv, net.norm, strict=True), 1):
        found[f"conv{n}/kernel"] = (conv.weight, (2, 3, 1, 0))
        for ours, theirs in (
            ("gamma", norm.weight),
            ("beta", norm.bias),
            ("moving_mean", norm.running_mean),
            ("moving_variance", norm.running_var),
        ):
            found[f"norm{n}/{ours}"] = (theirs, (0,))
    for n, pair in enumerate(zip(net.ahead, net.back, strict=True), 1):
        for direction, lstm in zip(("forward", "backward"), pair, strict=True):
            cell = f"blstm{n}/{direction}/lstm_cell"
            found[f"{cell}/kernel"] = (lstm.weight_ih_l0, (1, 0))
            found[f"{cell}/recurrent_kernel"] = (lstm.weight_hh_l0, (1, 0))
            found[f"{cell}/bias"] = (lstm.bias_ih_l0, (0,))
    found["logits/kernel"] = (net.logits.weight, (1, 0))
    found["logits/bias"] = (net.logits.bias, (0,))
    found["shortcut/kernel"] = (net.shortcut.weight, (2, 1, 0))
    found["shortcut/bias"] = (net.shortcut.bias, (0,))
    return found


@torch.no_grad()
def fill(net: Wide, weights: dict[str, np.ndarray]) -> None:
    """Put the weights of a model file into the network; the LSTMs' second bias, which Keras has not, stays 0."""
    for name, (tensor, axes) in _places(net).items():
        value = torch.from_numpy(np.asarray(weights[name], np.float32))
        tensor.copy_(value.permute(np.argsort(axes).tolist()))
    for lstm in (*net.ahead, *net.back):
        lstm.bias_hh_l0.zero_()
        lstm.bias_hh_l0.requires_grad_(False)


def weights_of(net: Wide) -> dict[str, np.ndarray]:
    """The inverse of `fill`."""
    return {
        name: tensor.detach().permute(axes).numpy().copy()
        for name, (tensor, axes) in _places(net).items()
    }


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A model file without Keras: what `htr.json` says, and its weights by name."""
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("htr.json"))
        with np.load(io.BytesIO(archive.read("weights.npz")), allow_pickle=False) as stored:
            arrays = [stored[name].astype(np.float32) for name in sorted(stored.files)]
    return about, {name: array for (name, _), array in zip(about["weights"], arrays, strict=True)}


def write(
    path: str | Path,
    description: dict[str, Any],
    weights: dict[str, np.ndarray],
    charset: Charset,
    about: dict[str, Any],
) -> None:
    """A model file as `archive.save` writes it, in 16 bits; `description` is that of the model it began with."""
    made = description | {
        "charset": charset.to_json(),
        "about": about,
        "weights": [[name, list(array.shape)] for name, array in weights.items()],
    }
    packed, whole = io.BytesIO(), io.BytesIO()
    np.savez(
        packed,
        allow_pickle=False,
        **{f"w{i:04d}": array.astype(np.float16) for i, array in enumerate(weights.values())},
    )
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            ("htr.json", json.dumps(made, indent=1).encode()),
            ("weights.npz", packed.getvalue()),
        ):
            archive.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED
            )
    files.write_bytes(path, whole.getvalue())
