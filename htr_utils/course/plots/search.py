"""Figures of decoding: posteriors under a line, paths by text, the beam, the curve of weights, where letters are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, GREY, ORANGE, RED, SKY
from htr_utils.text.charset import Charset
from htr_utils.text.decoding import collapse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The colour of a confidence up to each limit; red and blue are told apart by colour-blind eyes, too.
_SURE = ((0.5, RED), (0.8, ORANGE), (0.9, "#9a9a9a"), (0.97, SKY), (1.0, BLUE))

# Prefix -> its paths that end in a blank, and those in its last letter.
Scores = dict[str, tuple[float, float]]


def _name(character: str) -> str:
    return {" ": "space", "": "(empty)"}.get(character, character)


def posteriors(ink: np.ndarray, log_probs: np.ndarray, charset: Charset, *, frames: int) -> None:
    """The beginning of a line above the probabilities of the classes that are read there.

    Args:
        ink: float (H, W), 1 = ink, the whole prepared line. log_probs: (frames, C), the line's table.
        frames: how many of them to show, at most.
    """
    step = ink.shape[1] // len(log_probs)  # columns of the line per frame
    log_probs = log_probs[:frames]
    ink = ink[:, : len(log_probs) * step]
    read = log_probs.argmax(axis=1)
    classes = list(dict.fromkeys(read[read > 0].tolist()))
    text = charset.decode(classes)
    drawing, (above, below) = base.figure(
        2, 1, height=1.9 + 0.2 * len(text), sharex=True, height_ratios=[1, 0.7 + 0.22 * len(text)]
    )
    base.columns(above, ink, height=ink.shape[0])
    base.bare(above)

    shown = np.exp(log_probs[:, [0, *classes]]).T  # (classes shown, frames)
    right = len(log_probs) * step
    extent = (0, right, len(shown) - 0.5, -0.5)
    look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    heat = below.imshow(shown, aspect="auto", extent=extent, **look)
    below.set_xlim(0, max(right, ink.shape[1]))
    below.set_yticks(range(len(shown)), ["blank", *map(_name, text)], fontsize=8)
    below.set(xlabel=f"column of the prepared line (pixels); a frame every {step}", ylabel="class")
    drawing.colorbar(heat, ax=below, label="probability", pad=0.01, aspect=12)
    blanks = int((read == 0).sum())
    base.show(
        drawing,
        alt="The beginning of a written line; below it a grid of classes by frames: a short dark stroke for each "
        f"letter that is read, and the row of the blank, the likeliest class in {blanks} of {len(read)} frames.",
        facts=f"{len(read)} frames of {step} pixels, {blanks} of them blank; {len(text)} different characters",
    )


def paths_by_text(probabilities: np.ndarray, alphabet: str, *, least: float) -> None:
    """The texts of a tiny line that are at least so probable, each a bar made of its paths.

    Args:
        probabilities: (frames, classes). alphabet: the characters of classes 1, 2, ...
    """
    every: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for ids in product(range(len(alphabet) + 1), repeat=len(probabilities)):
        text = "".join(alphabet[i - 1] for i in collapse(ids))
        name = "".join(("-" + alphabet)[i] for i in ids)
        every[text][name] = float(np.prod(probabilities[range(len(ids)), ids]))
    paths = {text: group for text, group in every.items() if sum(group.values()) > least}
    drawing, axis = base.figure(height=0.55 * len(paths) + 0.8)
    ranked = sorted(paths, key=lambda text: -sum(paths[text].values()))
    best = max((p, path) for group in paths.values() for path, p in group.items())[1]
    for row, text in enumerate(ranked):
        left = 0.0
        for path, probability in sorted(paths[text].items(), key=lambda item: (-item[1], item[0])):
            colour = ORANGE if path == best else "#9ecae1"
            axis.barh(row, probability, left=left, color=colour, edgecolor="white", height=0.7)
            if probability > 0.02:  # there is room for its name
                base.write(axis, left + probability / 2, row, path, family="monospace")
            left += probability
        axis.text(left + 0.008, row, f"{left:.2f}", va="center", color=GREY)
    axis.set_yticks(range(len(ranked)), [f"“{text}”" if text else "(nothing)" for text in ranked])
    axis.invert_yaxis()
    axis.set_xlabel("probability: each piece is one path, orange the single best path")
    axis.set_ylabel("text")
    home = next(text for text in ranked if best in paths[text])
    count = sum(map(len, paths.values()))
    base.show(
        drawing,
        alt=f"Bars of the {len(ranked)} likeliest texts, each made of pieces, one a path. The single best path, in "
        f"orange, lies in the bar of {home!r}; the longest bar is that of {ranked[0]!r}.",
        facts=f"{len(paths)} texts above {least:g}: {count} paths; best path {best!r}, best text {ranked[0]!r}",
    )


def beam_tree(probabilities: np.ndarray, alphabet: str, width: int) -> None:
    """The prefixes of a beam search, frame by frame: who stays, who grows, what merges, what is cut.

    Args:
        probabilities: (frames, classes) of a tiny line. alphabet: the characters of classes 1, 2, ...
    """
    columns: list[Scores] = [{"": (1.0, 0.0)}]  # per frame all prefixes, the kept ones first
    edges: list[dict[tuple[str, str], float]] = []
    for frame in probabilities:
        grown, flow = _one_frame(dict(list(columns[-1].items())[:width]), frame, alphabet)
        columns.append(dict(sorted(grown.items(), key=lambda item: (-sum(item[1]), item[0]))))
        edges.append(flow)

    kept = {prefix for column in columns for prefix in list(column)[:width]}
    rows = {prefix: row for row, prefix in enumerate(sorted(kept, key=lambda p: (len(p), p)))}
    drawing, axis = base.figure(height=0.62 * len(rows) + 1.0)
    merges = cut = 0
    for t, flow in enumerate(edges):
        alive = list(columns[t + 1])[:width]
        cut += len(columns[t + 1]) - len(alive)
        merges += sum(len([1 for _, to in flow if to == prefix]) > 1 for prefix in alive)
        for (source, target), mass in flow.items():
            if target in rows:
                ends = [t + 0.16, t + 0.84], [rows[source], rows[target]]
                shade, dashes = (BLUE, "-") if target in alive else ("#bbbbbb", ":")
                look = {"solid_capstyle": "butt", "alpha": 0.75, "zorder": 1}
                axis.plot(*ends, color=shade, lw=0.6 + 9 * mass, ls=dashes, **look)
    crosses = 0
    for t, column in enumerate(columns):
        crosses += _draw_column(axis, t, column, rows, width)
        if len(column) > width:
            base.write(axis, t, len(rows) - 0.35, f"{len(column) - width} cut", 8, color=GREY)

    axis.set_yticks(range(len(rows)), [_name(prefix) for prefix in rows], family="monospace")
    axis.set_ylim(len(rows) - 0.15, -0.6)
    axis.set_xticks(range(len(columns)), ["start", *(f"{t}" for t in range(1, len(columns)))])
    axis.set(xlim=(-0.4, len(columns) - 0.6), xlabel="frames read", ylabel="prefix")
    _legend(axis)
    best, scores = max(columns[-1].items(), key=lambda item: sum(item[1]))
    facts = f"ways merge {merges} times; {cut} prefixes are cut, {crosses} of them drawn as crosses"
    alt = (
        "A grid of prefixes by frames. Thick lines of probability lead from the empty prefix to longer ones; where "
        f"several lines meet in one box, paths merge; {crosses} grey crosses are cut by the width. {best!r} has the "
        "highest number at the end."
    )
    base.show(
        drawing,
        alt=alt,
        facts=f"width {width}: {facts}; the answer is {best!r} with probability {sum(scores):.3f}",
    )


def _one_frame(
    beam: Scores, frame: np.ndarray, alphabet: str
) -> tuple[Scores, dict[tuple[str, str], float]]:
    """Prefix beam search over one frame before the cut, and how much probability flows along each edge."""
    grown: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    flow: defaultdict[tuple[str, str], float] = defaultdict(float)

    def move(source: str, target: str, ending: int, mass: float) -> None:
        if mass > 0:
            grown[target][ending] += mass
            flow[source, target] += mass

    for prefix, (blank, letter) in beam.items():
        move(prefix, prefix, 0, (blank + letter) * frame[0])
        for character, p in zip(alphabet, frame[1:], strict=True):
            if prefix.endswith(character):
                move(prefix, prefix, 1, letter * p)
                move(prefix, prefix + character, 1, blank * p)
            else:
                move(prefix, prefix + character, 1, (blank + letter) * p)
    return {prefix: (scores[0], scores[1]) for prefix, scores in grown.items()}, flow


def _draw_column(axis: Axes, t: int, column: Scores, rows: Mapping[str, int], width: int) -> int:
    """The prefixes after frame t: a box whose two colours are the two scores, or a grey cross where cut; how many."""
    crosses = 0
    for rank, (prefix, (blank, letter)) in enumerate(column.items()):
        if prefix not in rows:
            continue
        row, total = rows[prefix], blank + letter
        if rank >= width:
            axis.plot(t, row, "x", color=GREY, ms=6, zorder=3)
            crosses += 1
            continue
        left, part = t - 0.15, 0.3 * blank / total
        axis.barh(row, part, left=left, height=0.3, color=ORANGE, zorder=3)
        axis.barh(row, 0.3 - part, left=left + part, height=0.3, color=SKY, zorder=3)
        axis.barh(row, 0.3, left=left, height=0.3, fill=False, edgecolor="black", lw=1, zorder=4)
        base.write(axis, t, row - 0.2, f"{total:.2f}", 8, va="bottom", zorder=5)
    return crosses


def _legend(axis: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=ORANGE, label="share of paths that end in a blank"),
        Patch(color=SKY, label="share that end in the last letter"),
        Line2D([], [], color=BLUE, lw=3, label="flow of probability"),
        Line2D([], [], color=GREY, marker="x", ls=":", label="cut by the width"),
    ]
    look = {"fontsize": 8, "frameon": False}
    axis.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), **look)


def weight_curve(
    weights: Sequence[float], curves: Mapping[str, Sequence[float]], *, published: float
) -> None:
    """CER (fractions) over the weight of the language model, a curve for each bonus; its lowest point is ringed.

    published: the weight of the shipped settings, which is marked.
    """
    drawing, axis = base.figure(height=2.9)
    valleys = []
    for number, (name, values) in enumerate(curves.items()):
        percent = [100 * value for value in values]
        axis.plot(weights, percent, marker="os^D"[number % 4], label=name, **base.style(number))
        lowest = int(np.argmin(percent))
        ring = {"ms": 14, "mfc": "none", "mec": base.COLOURS[number]}
        axis.plot(weights[lowest], percent[lowest], "o", **ring)
        valleys.append(f"{name}: {percent[lowest]:.1f} % at weight {weights[lowest]:g}")
    axis.axvline(published, color=GREY, ls=":", label="published weight")
    axis.set_xlabel("weight of the language model (0: the frames alone)")
    axis.set_ylabel("CER (%), validation lines")
    axis.legend(frameon=False)
    base.show(
        drawing,
        alt=f"{len(curves)} curves of the character error rate over the weight of the language model; the lowest point "
        f"of each is ringed ({', '.join(valleys)}), a dotted line marks the published weight, {published:g}.",
        facts=f"{len(weights)} weights from {weights[0]:g} to {weights[-1]:g}; lowest points - {', '.join(valleys)}",
    )


def where_read(
    grey: np.ndarray, characters: Sequence[tuple[str, float, float]], *, doubt: float
) -> None:
    """A line, each character above the place where it was read, its confidence below.

    Args:
        grey: uint8 (H, W). characters: (character, column in `grey`, confidence 0 to 1).
        doubt: confidences below it are hatched; the colour goes in five steps from red to blue.
    """
    from matplotlib.patches import Patch

    drawing, (above, below) = base.figure(2, 1, height=2.9, sharex=True, height_ratios=[1.1, 1])
    above.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto")
    base.bare(above)
    bar = max(2.0, 0.006 * grey.shape[1])
    for character, x, confidence in characters:
        unsure = confidence < doubt
        colour = next(colour for limit, colour in _SURE if confidence <= limit)
        weight, hatch = ("bold", "////") if unsure else ("normal", None)
        label = "␣" if character == " " else character
        place = {"xytext": (0, 3), "textcoords": "offset points", "annotation_clip": False}
        font = {"weight": weight, "fontsize": 9, "family": "DejaVu Sans"}
        above.annotate(label, (x, 0), ha="center", color=colour, **place, **font)
        above.axvline(x, color=colour, lw=0.6, alpha=0.6)
        below.bar(x, confidence, width=bar, color=colour, hatch=hatch, edgecolor="white", lw=0)
    below.axhline(doubt, color=GREY, ls=":", lw=1)
    lower = ("0", *(f"{limit:g}" for limit, _ in _SURE))
    steps = [
        Patch(color=colour, label=f"{low} to {limit:g}")
        for low, (limit, colour) in zip(lower, _SURE, strict=False)
    ]
    below.legend(
        handles=steps,
        ncols=len(steps),
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.5),
    )
    below.set_ylim(0, 1.05)
    below.set_xlim(0, grey.shape[1])
    below.set_ylabel("confidence")
    below.set_xlabel("column of the picture (pixels)")
    low = sum(c < doubt for _, _, c in characters)
    read = "".join(character for character, _, _ in characters)
    base.show(
        drawing,
        alt=f"A written line, read as {read!r}: each letter stands above the place where it was read, and below it a "
        f"bar for its confidence, coloured in five steps; {low} of {len(read)} are under the dotted line, and hatched.",
        facts=f"{len(read)} characters, {low} of them less sure than {doubt:g}",
    )
