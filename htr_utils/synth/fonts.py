"""Handwriting fonts: fetched when they are needed, read as outlines, never kept in the repository.

`fonts.tsv` beside this module names each family, the registry package that ships it, its licence, and the
split of the embedded data in which it is drawn.
"""

from __future__ import annotations

import csv
import functools
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.synth import npm

TABLE = Path(__file__).with_name("fonts.tsv")
SPLITS = ("train", "validation", "test", "training")
CACHE = "fonts"  # where fetched ones are kept: `npm.cache_folder`


@dataclass(frozen=True)
class FontFile:
    """One font file: a family at one weight. `split` as in `fonts.tsv`."""

    family: str
    weight: int
    path: str
    split: str = "training"


@dataclass(frozen=True)
class Glyph:
    """A letter's outline in units of the em: y grows downwards, the baseline is y = 0.

    `shapes`: each an outer contour followed by its holes, arrays (points, 2). `advance`: step to the next letter.
    """

    shapes: tuple[tuple[np.ndarray, ...], ...]
    advance: float


def table() -> list[dict[str, str]]:
    """The rows of `fonts.tsv`."""
    lines = [
        row
        for row in TABLE.read_text(encoding="utf-8").splitlines()
        if row and not row.startswith("#")
    ]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def fetch(
    splits: Iterable[str] = SPLITS, *, debian: bool = False, target: Path | None = None
) -> list[FontFile]:
    """Fetch the families of `splits` and list their files, one per weight.

    Args:
        splits: which rows of `fonts.tsv`.
        debian: also rows whose package comes from Debian (needs `apt-get` and `dpkg-deb`; nothing is installed).
        target: where to keep them; the cache folder by default.

    Raises:
        HtrError: npm is missing or a package cannot be fetched.
    """
    chosen = [row for row in table() if row["split"] in set(splits)]
    folder = target or npm.cache_folder(CACHE)
    npm_rows = [row for row in chosen if not row["package"].startswith("deb:")]
    npm.install({row["package"]: row["version"] for row in npm_rows}, folder)
    files = [file for row in npm_rows for file in _npm_files(folder, row)]
    if debian:
        files += [_debian_file(folder, row) for row in chosen if row["package"].startswith("deb:")]
    return sorted(files, key=lambda file: (file.family, file.weight))


def extra(folder: str | Path, exclude: Sequence[str] = ()) -> list[FontFile]:
    """Font files (.ttf, .otf) of a folder of one's own; families named in `exclude` are left out.

    A family is known by its file's name and by the name in the file, whatever the case, the hyphens and what
    follows: `patrick-hand` leaves out `PatrickHand-Regular.ttf` and `PatrickHandSC.ttf`.
    """
    files = sorted(f for f in Path(folder).glob("*") if f.suffix.lower() in (".ttf", ".otf"))
    if not files:
        raise HtrError(f"no .ttf or .otf file in {folder}; name a folder that holds fonts")
    unwanted = tuple(_squeezed(name) for name in exclude)

    def wanted(file: Path) -> bool:
        return not any(_squeezed(name).startswith(unwanted) for name in (file.stem, _family(file)))

    return [FontFile(file.stem, 400, str(file)) for file in files if wanted(file)]


def _squeezed(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _family(file: Path) -> str:
    """The family's name as the font file has it."""
    from fontTools.ttLib import TTFont

    try:
        with TTFont(file, lazy=True) as font:
            return font["name"].getBestFamilyName() or ""
    except Exception as error:  # on damaged bytes fontTools raises nearly anything
        raise _unreadable(str(file), error) from error


def _unreadable(path: str, error: Exception) -> HtrError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return HtrError(
        f"{path} is not a font that can be read ({reason}); remove it or fetch it again"
    )


def _npm_files(folder: Path, row: dict[str, str]) -> list[FontFile]:
    package = folder / "node_modules" / row["package"]
    slug = row["package"].split("/")[-1]
    weights: dict[int, Path] = {}
    for path in sorted(package.glob(f"files/{slug}-latin-*-normal.woff2")):
        part = path.name.removeprefix(f"{slug}-latin-").removesuffix("-normal.woff2")
        if part.isdigit():
            weights[int(part)] = path
        elif part == "wght":
            weights.setdefault(400, path)
    for path in sorted([*package.glob("*.ttf"), *package.glob("*/*.ttf")]):
        digits = "".join(c for c in path.stem.split("_")[-1] if c.isdigit())
        if digits and "Italic" not in path.name:
            weights.setdefault(int(digits), path)
    if not weights:  # a variable family without a Latin subset of its own
        for path in sorted(package.glob("files/*wght-normal.woff2"))[:1]:
            weights[400] = path
    if not weights:
        raise HtrError(
            f"package {row['package']} {row['version']} holds no usable font file; renew fonts.tsv"
        )
    return [
        FontFile(row["family"], weight, str(path), row["split"])
        for weight, path in sorted(weights.items())
    ]


def _debian_file(folder: Path, row: dict[str, str]) -> FontFile:
    package, name = row["package"].removeprefix("deb:").split("/")
    target = folder / "debian" / package
    if not target.is_dir():
        part = folder / "debian" / f"{package}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            subprocess.run(
                ["apt-get", "download", package], cwd=part, check=True, capture_output=True
            )
            subprocess.run(
                ["dpkg-deb", "-x", *map(str, part.glob("*.deb")), str(part)],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise HtrError(
                f"could not fetch Debian's {package}; run apt-get update, or train without Debian fonts"
            ) from error
        part.rename(target)
    file = next(iter(sorted(target.rglob(name))), None)
    if file is None:
        raise HtrError(f"Debian's {package} holds no {name}; renew fonts.tsv")
    return FontFile(row["family"], 400, str(file), row["split"])


@functools.lru_cache(maxsize=256)
def outlines(path: str, characters: str) -> dict[str, Glyph]:
    """The outlines of `characters` in the font file at `path`; characters that the font lacks are absent.

    Reads TrueType, OpenType and WOFF2 through fontTools. Cached: a font is parsed once per process.

    Raises:
        HtrError: the file is not a font, or WOFF2 support (package `brotli`) is missing.
    """
    try:
        return _read_outlines(path, characters)
    except ImportError as error:
        raise HtrError(
            "reading WOFF2 fonts needs the package brotli; run: pip install -e '.[synth]'"
        ) from error
    except Exception as error:  # on damaged bytes fontTools raises nearly anything
        raise _unreadable(path, error) from error


def _read_outlines(path: str, characters: str) -> dict[str, Glyph]:
    """The registry's packages keep letters such as `ł` and `č` in a second file of the same font, `-latin-ext-`."""
    made = _glyphs(path, characters)
    second = Path(path.replace("-latin-", "-latin-ext-"))
    missing = "".join(c for c in characters if c not in made)
    if missing and str(second) != path and second.is_file():
        made |= _glyphs(str(second), missing)
    return made


def _glyphs(path: str, characters: str) -> dict[str, Glyph]:
    from fontTools.ttLib import TTFont

    from htr_utils.synth.pen import FlatPen

    font = TTFont(path)
    glyph_set, names, em = font.getGlyphSet(), font.getBestCmap() or {}, font["head"].unitsPerEm
    glyphs = {}
    for character in characters:
        name = names.get(ord(character))
        if name is not None:
            pen = FlatPen(glyph_set)
            glyph_set[name].draw(pen)
            contours = [
                np.asarray(c, np.float32) / em * (1, -1) for c in pen.contours if len(c) > 2
            ]
            glyphs[character] = Glyph(
                _shapes([c.astype(np.float32) for c in contours]), glyph_set[name].width / em
            )
    return glyphs


def _shapes(contours: list[np.ndarray]) -> tuple[tuple[np.ndarray, ...], ...]:
    """Group contours into shapes of one outer contour and its holes, so that overlapping strokes stay filled."""
    if not contours:
        return ()
    areas = [cv2.contourArea(c, oriented=True) for c in contours]
    outer_sign = np.sign(areas[int(np.argmax(np.abs(areas)))])
    outer = sorted(
        (i for i, a in enumerate(areas) if np.sign(a) == outer_sign), key=lambda i: abs(areas[i])
    )
    groups: dict[int, list[np.ndarray]] = {i: [contours[i]] for i in outer}
    for i, contour in enumerate(contours):
        if i in groups:
            continue
        point = (float(contour[0, 0]), float(contour[0, 1]))
        for parent in outer:  # the smallest that holds it
            if cv2.pointPolygonTest(contours[parent], point, False) >= 0:
                groups[parent].append(contour)
                break
        else:  # it lies in no other: a dot or an accent drawn the other way round
            groups[i] = [contour]
    return tuple(tuple(group) for group in groups.values())
