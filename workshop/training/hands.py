"""Trains the next model to be published on many hands; begun, stopped and gone on with at any time by the same command.

    python -m workshop.training.hands --data HANDS --text TEXTS --fonts MORE --folder runs/hands

A constant rate with averaged weights (EMA) knows nothing of its end, so sittings can be added; `--fall` lowers it in
the last one. See docs/measured/training-hands.md.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch.nn import functional as F

from htr_utils import files, paths
from htr_utils.cli.one_line import OneLine
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, iam, images
from htr_utils.network.ctc import frames_needed
from htr_utils.network.widen import widened
from htr_utils.synth import fonts
from htr_utils.text import decoding, metrics
from htr_utils.text.charset import IAM79, LATIN, Charset
from htr_utils.text.passages import read_passages
from workshop.training import material, network, sources, texts

STEP = 4  # columns a frame
HEIGHT = 48
WARMUP = 400  # steps until the optimiser, begun anew, has its full rate
EPOCH = 2048
WATCH = 4  # epochs between two readings of the watched lines
CLIP, EMA, SHORTCUT, DECAY = 5.0, 0.9995, 0.3, 5e-5
WATCHED = 100  # lines of each source that are read in between
MOST_PROSE = 1_200_000  # characters a language
# Where the processor multiplies bfloat16 a step takes half as long; weights and losses stay in 32 bits.
BFLOAT16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))


class Labels:
    """Text -> label, for `dataset`."""

    def __init__(self, charset: Charset) -> None:
        self.charset = charset

    def encode(self, text: str) -> np.ndarray:
        return self.charset.encode(text)

    def fits(self, label: np.ndarray, width: int) -> bool:
        return 0 < frames_needed(label) <= -(-width // STEP)


class Training:
    """The network, its optimiser, its averaged weights, and what was seen so far."""

    def __init__(self, start: Path, charset: Charset, rate: float, batch: int) -> None:
        self.description, weights = network.read(start)
        about = self.description["about"]
        old = Charset.from_json(self.description["charset"])
        self.charset, self.rate, self.batch = charset, rate, batch
        self.net = network.Wide(charset.classes)
        network.fill(self.net, weights if old == charset else widened(weights, old, charset))
        self.mean = copy.deepcopy(self.net).eval()
        self.history: list[dict[str, Any]] = about.get("history", [])
        self.stages = about.get("stages", [])
        if not self.history:
            self.stages = [*self.stages, about["command"]]
        plain = [p for p in self.net.parameters() if p.requires_grad and p.ndim == 1]
        decayed = [p for p in self.net.parameters() if p.requires_grad and p.ndim > 1]
        groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=DECAY)
        self.steps = 0  # of this optimiser

    def resume(self, folder: Path) -> None:
        """Go on from the folder's whole state, where it has one."""
        file = folder / "state.pt"
        if file.is_file():
            state = torch.load(file, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.mean.load_state_dict(state["mean"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.steps, self.history = state["steps"], json.loads(state["history"])

    def keep(self, folder: Path, command: str) -> None:
        """The whole state, the averaged weights as a model file, and the history."""
        state = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "history": json.dumps(self.history),
        }
        part = folder / "state.part"
        torch.save(state, part)
        part.replace(folder / "state.pt")
        about = {"command": command, "stages": self.stages, "history": self.history}
        weights = network.weights_of(self.mean)
        network.write(folder / "model.keras", self.description, weights, self.charset, about)
        rows = ",\n ".join(json.dumps(row) for row in self.history)
        files.write_text(folder / "history.json", f"[\n {rows}\n]\n")

    def step(self, batch: dataset.Batch, rate: float) -> float:
        """One step of the optimiser; the mean loss of the batch in nats a line, without the shortcut's."""
        self.net.train()
        width = torch.from_numpy(batch.width)
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            logits, side = self.net(torch.from_numpy(batch.image[:, None, :, :, 0]), width)
        label, length = torch.from_numpy(batch.label), torch.from_numpy(batch.length)
        frames = (width + STEP - 1) // STEP
        main, beside = (
            F.ctc_loss(
                one.float().log_softmax(-1).transpose(0, 1),
                label,
                frames,
                length,
                reduction="none",
                zero_infinity=True,
            ).mean()
            for one in (logits, side)
        )
        self.optimiser.zero_grad()
        (main + SHORTCUT * beside).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.steps + 1) / WARMUP)
        self.optimiser.step()
        self.steps += 1
        with torch.no_grad():
            share = 1 - min(EMA, (1 + self.steps) / (10 + self.steps))
            for mean, now in zip(
                self.mean.state_dict().values(), self.net.state_dict().values(), strict=True
            ):
                if mean.is_floating_point():
                    mean.lerp_(now, share)
        return float(main.detach())

    @torch.no_grad()
    def read(self, batches: dataset.Batches) -> Iterator[tuple[str, str]]:
        """What the averaged weights read (greedy) and what is written, line by line."""
        for batch in batches.epoch(0):
            image, width = torch.from_numpy(batch.image[:, None, :, :, 0]), batch.width
            logits, _ = self.mean(image, torch.from_numpy(width))
            frames = -(-width // STEP)
            answers = decoding.greedy(logits.log_softmax(-1).numpy(), frames)
            for answer, label, n in zip(answers, batch.label, batch.length, strict=True):
                yield self.charset.decode(answer.ids), self.charset.decode(label[:n])


def rates(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Micro CER in %, as it is and with both sides folded to the 79 characters of IAM."""
    made = {}
    for name, fold in (("cer", str), ("folded", Charset(IAM79).fold)):
        both = [(fold(read), fold(truth)) for read, truth in pairs]
        edits = sum(metrics.edits(read, truth) for read, truth in both)
        made[name] = round(100 * edits / max(1, sum(len(truth) for _, truth in both)), 2)
    return made


def rate_at(rate: float, epoch: int, fall: tuple[int, int] | None) -> float:
    """The rate of an epoch: constant, or falling along half a cosine between two epochs."""
    if fall is None or epoch < fall[0]:
        return rate
    done = min(1.0, (epoch - fall[0] + 1) / (fall[1] - fall[0] + 1))
    return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def watched_lines(watched: dict[str, list[iam.Line]], charset: Charset) -> dict[str, Any]:
    """For each source `WATCHED` lines of held-out writers, spread over them, and as many embedded ones."""
    every = watched | {"embedded": iam.read(paths.embedded_root()).split("validation")}
    made = {}
    for name, lines in every.items():
        step = max(1, len(lines) // WATCHED)
        source = dataset.FileLines(lines[::step][:WATCHED], images.Preparation(HEIGHT))
        made[name] = dataset.Batches(source, Labels(charset), 32, shuffle=False)
    return made


@click.command(cls=OneLine)
@click.option("--data", type=click.Path(exists=True), required=True, help="a folder a source")
@click.option(
    "--text",
    "prose",
    multiple=True,
    required=True,
    help="prose of a language: en=FOLDER, fr=novels.txt.xz",
)
@click.option("--fonts", "more", type=click.Path(exists=True), multiple=True)
@click.option(
    "--start",
    type=click.Path(exists=True),
    help="model it begins with where FOLDER is empty [default: model/training/hands.keras, or course.keras]",
)
@click.option("--folder", type=click.Path(), default="runs/hands")
@click.option("--rate", type=float, default=8e-4)
@click.option("--fall", type=(int, int), help="epochs between which the rate falls")
@click.option("--batch", type=int, default=16)
@click.option("--strength", type=float, default=0.9, help="of the distortion")
@click.option("--epochs", type=int, default=10_000, help="to stop after, counted from the first")
@click.option("--workers", type=int, default=1)
@click.option("--threads", type=int, default=2)
def main(
    data: str,
    prose: Sequence[str],
    more: Sequence[str],
    start: str | None,
    folder: str,
    rate: float,
    fall: tuple[int, int] | None,
    batch: int,
    strength: float,
    epochs: int,
    workers: int,
    threads: int,
) -> None:
    """Train until --epochs or Ctrl-C; each finished epoch is kept in --folder."""
    torch.set_num_threads(threads)
    charset, place = Charset(LATIN), Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    root = paths.repo_root() or Path()
    held = [root / "model" / f"{name}_held_out.txt" for name in ("copiste", "hands")]
    passages = read_passages(root / "data" / "passages.tsv")
    families = sorted(r["family"] for r in fonts.table() if r["split"] in ("validation", "test"))
    written = fonts.fetch(("train", "training"))
    written += [font for one in more for font in fonts.extra(one, exclude=families)]
    seen = material.assemble(
        data,
        texts.by_language(prose, MOST_PROSE, [p.text for p in passages if p.split != "train"]),
        written,
        fonts.fetch(("print",)),
        sources.read_ids(held),
        charset,
        images.Preparation(HEIGHT),
        count=EPOCH,
        strength=strength,
    )
    kept = root / "model" / "training" / "hands.keras"
    begin = Path(start) if start else kept if kept.is_file() else root / "model" / "course.keras"
    training = Training(begin, charset, rate, batch)
    training.resume(place)
    watched = watched_lines(seen.watched, charset)
    batches = dataset.Batches(seen.train, Labels(charset), batch, workers=workers)
    command = (
        f"python -m workshop.training.hands --rate {rate:g} --batch {batch} --strength {strength:g}"
    )
    with files.alone(place, "training"):
        if not training.history:
            first = {name: rates(list(training.read(one))) for name, one in watched.items()}
            training.history.append({"epoch": 0, "lines": 0, "watched": first})
            click.echo(json.dumps(training.history[-1]))
        while (epoch := training.history[-1]["epoch"]) < epochs:
            row = _epoch(training, batches, epoch, rate_at(rate, epoch, fall))
            if row["epoch"] % WATCH == 0:
                row["watched"] = {n: rates(list(training.read(one))) for n, one in watched.items()}
            training.history.append(row)
            training.keep(place, command)
            click.echo(json.dumps(row))
    batches.close()


def _epoch(training: Training, batches: dataset.Batches, epoch: int, rate: float) -> dict[str, Any]:
    """Train one epoch; its row of the history."""
    began, losses, lines = time.perf_counter(), list[float](), 0
    for number, batch in enumerate(batches.epoch(epoch)):
        losses.append(training.step(batch, rate))
        lines += len(batch.width)
        if not math.isfinite(losses[-1]):
            raise HtrError(f"the loss is {losses[-1]} in epoch {epoch + 1}; lower --rate")
        if number % 64 == 63:
            speed = lines / (time.perf_counter() - began)
            click.echo(f"  {lines} lines, loss {np.mean(losses[-64:]):.2f}, {speed:.1f} lines/s")
    return {
        "epoch": epoch + 1,
        "lines": training.history[-1]["lines"] + lines,
        "loss": round(float(np.mean(losses)), 3),
        "rate": rate,
        "lines_per_second": round(lines / (time.perf_counter() - began), 1),
    }


if __name__ == "__main__":
    main()
