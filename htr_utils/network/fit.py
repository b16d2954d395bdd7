"""From the command line's words to a training: which lines, which model, which file at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, fonts, iam, own
from htr_utils.lines.build import Passage, read_passages
from htr_utils.network import archive, models, training
from htr_utils.text import corpus
from htr_utils.text.charset import Charset


def training_fonts(folders: Sequence[str] = (), *, debian: bool = False) -> list[fonts.FontFile]:
    """Every font that training may use: all families but those of the embedded validation and test splits."""
    held_out = {row["family"] for row in fonts.table() if row["split"] in ("validation", "test")}
    found = fonts.fetch(("train", "training"), debian=debian)
    for folder in folders:
        found += fonts.extra(folder, exclude=sorted(held_out))
    return found


def _passages() -> list[Passage]:
    root = paths.repo_root()
    return read_passages(root / "data" / "passages.tsv") if root is not None else []


def training_passages() -> list[str]:
    """The embedded passages that training may use: those of the train split alone."""
    return [p.text for p in _passages() if p.split == "train"]


def training_text(files: Sequence[str]) -> list[str]:
    """The paragraphs to render: of the files, and the training passages five times, since they are few and modern.

    Held-out passages are left out wherever they come from.
    """
    held_out = {p.text for p in _passages() if p.split != "train"}
    found = [text for text in corpus.read_paragraphs(files) if text not in held_out]
    return found + training_passages() * 5


def _listed(file: str | None) -> set[str]:
    """The names in a file, one a row; rows that begin with # are comments."""
    rows = Path(file).read_text(encoding="utf-8").splitlines() if file else []
    return {row.strip() for row in rows if row.strip() and not row.startswith("#")}


def _own_lines(lines: list[iam.Line]) -> tuple[list[iam.Line], list[iam.Line]]:
    """Training and validation lines of a folder without splits: every tenth writer, else every tenth line."""
    writers = sorted({line.writer_id for line in lines})
    if len(writers) < 10:
        return [line for n, line in enumerate(lines) if n % 10], lines[::10]
    watched = set(writers[::10])
    return (
        [line for line in lines if line.writer_id not in watched],
        [line for line in lines if line.writer_id in watched],
    )


def train(
    *, data: str | None, rendered: int, texts: Sequence[str], font_folders: Sequence[str], debian: bool, preset: str,
    init: str | None, out: str, epochs: int, batch: int, rate: float, augment: float, task: str | None, spacing: str,
    seed: int, workers: int, share: float, leave_out: str | None, fold: bool, command: str,
    say: Callable[[str], None] = print,
) -> Path:  # fmt: skip
    """Train as `htr train` is told; see its help. Returns the model file."""
    import keras

    keras.utils.set_random_seed(seed)
    if Path(out).suffix != ".keras":
        raise HtrError(f"--out {out}: a model file ends in .keras")
    if init is not None:
        start = archive.load(paths.model_file(init))
        chosen, charset, model = start.preset, start.charset, start.model
    else:
        chosen, charset = models.preset(preset), Charset()
        model = models.build(chosen, charset.classes)
    labels = training.labels_for(chosen, charset)
    source: dataset.Source
    validation: list[iam.Line] = []
    if data is None or own.find_table(data) is None:
        folder = iam.read(data, spacing=spacing, task=task)  # type: ignore[arg-type]
        lines, validation = folder.split("train"), folder.split("validation")
    else:
        excluded = _listed(leave_out)
        lines = [line for line in own.read(data) if line.writer_id not in excluded]
        if fold:
            lines = [replace(line, text=charset.fold(line.text)) for line in lines]
        if rendered:  # the embedded writers tell how the training goes
            validation = iam.read(None, spacing=spacing).split("validation")  # type: ignore[arg-type]
        else:
            lines, validation = _own_lines(lines)
    unknown = sorted({c for line in lines for c in line.text if c not in charset.characters})
    if unknown:
        raise HtrError(f"the texts hold {''.join(unknown)!r}, which the model's charset lacks; replace them")
    if rendered:
        words = corpus.Corpus(training_text(texts), charset)
        available = training_fonts(font_folders, debian=debian)
        source = dataset.RenderedLines(available, words.line, chosen.preparation, rendered, augment, seed)
        origin = (
            f"{rendered} lines per epoch, rendered with {len({f.family for f in available})} font families"
        )
        if share:
            real = dataset.FileLines(lines, chosen.preparation, augment, seed)
            source = dataset.MixedLines(source, real, share, seed)
            name = Path(data).name if data else "the embedded data"
            origin += f", {share:.0%} of them drawn from {len(lines)} lines of {name} instead"
    else:
        source = dataset.FileLines(lines, chosen.preparation, augment, seed)
        short = training.infeasible(dataset.FileLines(lines, chosen.preparation), labels)
        if short:
            first = lines[short[0]].id
            say(f"{len(short)} of {len(lines)} lines are too narrow for their text: left out, first {first}")
        origin = f"{len(lines)} lines of {data or 'the embedded data'}"
    say(f"training {chosen.name} ({model.count_params() / 1e6:.2f} M parameters) on {origin}")
    settings = training.Settings(epochs=epochs, batch=batch, rate=rate, seed=seed)
    batches = dataset.Batches(source, labels, batch, seed=seed, workers=workers)
    watched = dataset.Batches(dataset.FileLines(validation, chosen.preparation), labels, 32, shuffle=False)
    trainer = training.Trainer(
        model,
        chosen,
        charset,
        batches,
        settings,
        validation=watched,
        folder=Path(out).with_suffix(""),
        say=say,
    )
    try:
        trainer.run()
    except KeyboardInterrupt:
        raise HtrError(
            f"interrupted after epoch {trainer.epoch}; the same command goes on from there"
        ) from None
    finally:
        batches.close()
    last = trainer.history[-1] if trainer.history else {}
    about = {
        "command": command,
        "seed": seed,
        "origin": origin,
        "epochs": trainer.epoch,
        "validation_cer": last.get("cer"),
    }
    trainer.export(out, about)
    say(f"wrote {out}")
    return Path(out)
