"""Damaged files: whatever is wrong with them, the answer is one line, soon, and never a wrong reading."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.lines import images, labels
from htr_utils.lines.check import check
from htr_utils.lines.iam import read
from htr_utils.lines.iam_files import read_form_xml, read_lines_txt
from htr_utils.network import archive, checkpoints, models
from htr_utils.text.charset import Charset
from tests.helpers.chapters import ROOT
from tests.helpers.faults import mutations, record, share
from tests.helpers.iam_fake import png, write, write_iam

SECONDS = 20.0  # more than any damaged file may take, on a busy machine too


def refused(call: Callable[[], Any]) -> Any:
    """What the call returns, or None where it raised one clear line; anything else fails the test."""
    begin = time.monotonic()
    try:
        return call()
    except HtrError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        return None
    finally:
        assert time.monotonic() - begin < SECONDS


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(one, other, strict=True)
    )


def survivors(
    path: Path, count: int, call: Callable[[], Any], seed: int = 1
) -> Iterator[tuple[bytes, Any]]:
    """The damaged files, written to `path` one after the other, that were read all the same."""
    data = path.read_bytes()
    for damaged in mutations(data, count, seed):
        path.write_bytes(damaged)
        found = refused(call)
        if found is not None:
            yield damaged, found
    path.write_bytes(data)


# --- checkpoints and models


@share(2000)
def test_a_damaged_checkpoint_is_refused_or_whole(
    count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rng = np.random.default_rng(0)
    state = [rng.normal(size=size).astype(np.float32) for size in ((3, 4), (7,), ())]
    about = {"epoch": 3, "settings": {}, "preset": {}, "history": [{"epoch": 3}]}
    best = checkpoints.Best(3, 0.25, state)
    checkpoints.write(tmp_path, about, state, best)
    for _, found in survivors(
        tmp_path / "state.npz", count - count // 4, lambda: checkpoints.read(tmp_path)
    ):
        assert found[0] == about and same(found[1], state)
    for _, found in survivors(
        tmp_path / "best.npz", count // 4, lambda: checkpoints.read_best(tmp_path)
    ):
        assert (found.epoch, found.cer) == (3, 0.25) and same(found.weights, state)
    record(
        request,
        "a checkpoint with wounds",
        count,
        "refused with one line, or read as it was written",
    )


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    preset, charset = models.preset("course"), Charset("abc ")
    path = tmp_path_factory.mktemp("model") / "small.keras"
    archive.save(path, models.build(preset, charset.classes), preset, charset, {"seed": 3})
    return path


@share(2000)
def test_a_damaged_model_is_refused_or_whole(
    count: int, model_file: Path, request: pytest.FixtureRequest
) -> None:
    wanted = archive.read(model_file)
    for _, found in survivors(model_file, count, lambda: archive.read(model_file)):
        assert found[:3] == wanted[:3] and same(found[3], wanted[3])
    record(
        request,
        "a model file with wounds",
        count,
        "refused with one line, or read as it was written",
    )


def repacked(path: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a zip in which one entry is changed, its checksum too."""
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for entry in source.namelist():
            data = source.read(entry)
            copy.writestr(entry, change(data) if entry == name else data)
    return target


def changed_array(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(whole, "w") as copy:
        for number, entry in enumerate(source.namelist()):
            one = source.read(entry)
            copy.writestr(entry, change(one) if number == 0 else one)
    return whole.getvalue()


def test_an_array_that_asks_for_less_than_there_is(model_file: Path, tmp_path: Path) -> None:
    """Half of its bytes would give an array of the same shape, with other numbers in it."""
    narrower = repacked(
        model_file,
        tmp_path / "m.keras",
        "weights.npz",
        lambda data: changed_array(data, lambda one: one.replace(b"'<f2'", b"'|i1'")),
    )
    with pytest.raises(HtrError, match="longer than its array"):
        archive.read(narrower)
    # The same by a bit that turned on disk: the checksum is compared although fewer bytes are asked for.
    checkpoints.write(tmp_path, {"epoch": 1, "history": []}, [np.ones(8, np.float32)], None)
    state = tmp_path / "state.npz"
    state.write_bytes(state.read_bytes().replace(b"'<f4'", b"'<f2'", 1))
    with pytest.raises(HtrError, match="damaged"):
        checkpoints.read(tmp_path)


def test_stored_code_is_refused(
    model_file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Pickles in the arrays and stock Keras archives with code in their configuration."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "ran").write_text, ("code",))

    pickled = io.BytesIO()
    np.savez(pickled, w0000=np.array([Evil()], object))
    bad = repacked(model_file, tmp_path / "p.keras", "weights.npz", lambda _: pickled.getvalue())
    with pytest.raises(HtrError, match="damaged"):
        archive.load(bad)
    stock = tmp_path / "stock.keras"
    with zipfile.ZipFile(stock, "w") as made:
        made.writestr(
            "config.json", json.dumps({"class_name": "Lambda", "module": "os", "config": "system"})
        )
        made.writestr("model.weights.h5", b"")
    with pytest.raises(HtrError, match=r"htr\.json"):
        archive.load(stock)
    assert not (tmp_path / "ran").exists()
    record(
        request,
        "a model file with foreign code in it",
        2,
        "refused with one line; the code does not run",
    )


@pytest.mark.parametrize("wanted", [0, 2, "1", None])
def test_another_format_is_refused(
    model_file: Path, tmp_path: Path, wanted: object, request: pytest.FixtureRequest
) -> None:
    def change(data: bytes) -> bytes:
        return json.dumps(json.loads(data) | {"format": wanted}).encode()

    with pytest.raises(HtrError, match="this version reads 1"):
        archive.load(repacked(model_file, tmp_path / "m.keras", "htr.json", change))
    record(
        request,
        "a model file of another version",
        4,
        "refused with one line that names both versions",
    )


def test_a_model_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    """A bomb in the inner archive: its entries claim more than a model can hold."""
    inner = io.BytesIO()
    with (
        zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as made,
        made.open("w0000.npy", "w") as entry,
    ):
        for _ in range(65):
            entry.write(bytes(8_000_000))
    bomb = tmp_path / "bomb.keras"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as outer:
        outer.writestr("htr.json", "{}")
        outer.writestr("weights.npz", inner.getvalue())
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(HtrError, match="unpacks to more"):
        archive.read(bomb)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as outer:
        outer.writestr("htr.json", "[" * 100_000)
        outer.writestr("weights.npz", inner.getvalue()[:0])
    with pytest.raises(HtrError, match="damaged"):
        archive.read(bomb)


# --- pictures


@share(2500)
def test_a_damaged_png_is_refused_or_whole(
    count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "line.png"
    source = sorted((ROOT / "data" / "lines").rglob("*.png"))[0]
    path.write_bytes(source.read_bytes())
    wanted = images.load(path)
    for _, found in survivors(path, count, lambda: images.load(path)):
        assert np.array_equal(found, wanted)
    record(request, "a PNG with wounds", count, "refused with one line, or the same pixels")


@share(500)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "BMP"])
def test_other_damaged_pictures_give_one_line_or_a_picture(
    kind: str, count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from PIL import Image

    path = tmp_path / "line"
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (40, 1))).save(path, kind)
    for _, found in survivors(path, count // 3, lambda: images.load(path)):
        assert found.dtype == np.uint8 and found.ndim == 2
    held = "refused with one line, or some picture: the format has no checksum"
    record(request, f"a {kind} with wounds", count // 3, held)


# --- IAM's files


def rows_of(data: bytes) -> list[tuple[str, str]]:
    """Ids and texts of lines.txt, by another way than the package's: one regular expression on each row."""
    text = data.decode("utf-8-sig")
    found = []
    for row in re.findall(r"[^\r\n]+", text):
        row = row.strip()
        if row and row[0] != "#":
            match = re.match(r"(\S+)(?:\s+\S+){7}\s+(.*)$", row, re.DOTALL)
            assert match, row
            found.append((match[1], match[2]))
    return found


@share(2500)
def test_damaged_iam_files_give_one_line_or_what_stands_there(
    count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_iam(tmp_path, xml=True)
    path = tmp_path / "ascii" / "lines.txt"
    data = path.read_bytes()
    for damaged, found in survivors(path, count // 5 * 2, lambda: read_lines_txt(path)):
        assert [(row.id, row.tokens) for row in found] == rows_of(damaged)
    assert path.read_bytes() == data
    others = ["ascii/forms.txt", "splits/train.txt", "xml/a01-000u.xml", "ascii/lines.txt"]
    (tmp_path / "data.json").write_text('{"expected_counts": {"lines": 8}}')
    for name in [*others, "data.json"]:
        each = count // 5 * 3 // 5 if name != "data.json" else count // 5 * 3 // 10
        for _ in survivors(tmp_path / name, each, lambda: read(tmp_path), seed=2):
            pass
        for _, report in survivors(tmp_path / name, each // 4, lambda: check(tmp_path), seed=3):
            assert all("\n" not in problem for problem in report.problems)
    record(
        request,
        "lines.txt, forms.txt, lists, XML with wounds",
        count,
        "one line, or the rows as they stand there",
    )


def test_a_row_that_became_a_comment_is_missed_by_the_check(tmp_path: Path) -> None:
    write_iam(tmp_path)
    (tmp_path / "data.json").write_text('{"expected_counts": {"lines": 8}}')
    path = tmp_path / "ascii" / "lines.txt"
    path.write_bytes(path.read_bytes().replace(b"b02-013-00", b"#02-013-00"))
    assert "warning: lines: 7 found, 8 known" in check(tmp_path).problems


@share(500)
def test_a_damaged_table_of_own_lines_gives_one_line_or_its_rows(
    count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    names = [f"line{number}" for number in range(6)]
    for name in names:
        write(tmp_path / f"{name}.png", png())
    path = tmp_path / "transcriptions.tsv"
    path.write_text(
        "".join(f"{name}\tw{name}\tsome text of {name}\n" for name in names), encoding="utf-8"
    )
    for damaged, found in survivors(path, count, lambda: labels.read(tmp_path)):
        rows = [row for row in damaged.decode("utf-8-sig").split("\n") if row.strip()]
        header = bool(rows) and rows[0].split("\t")[0].lower() in ("id", "file", "name")
        assert [line.text for line in found] == [
            row.split("\t")[-1].strip() for row in rows[header:]
        ]
    record(
        request,
        "transcriptions.tsv with wounds",
        count,
        "one line, or the rows as they stand there",
    )


@share(500)
def test_a_damaged_language_model_gives_one_line(
    count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from htr_utils.text import language, ngrams

    path = tmp_path / "tiny.lm"
    text = "the quick brown fox jumps over the lazy dog and runs away from it " * 20
    made = ngrams.train([text], "abcdefghijklmnopqrstuvwxyz ", order=3)
    made.save(path)
    wanted = made.score(["the dog", "zebra"])
    for _, found in survivors(path, count, lambda: language.LanguageModel.load(path)):
        assert np.array_equal(found.score(["the dog", "zebra"]), wanted)
    record(
        request,
        "a language model with wounds",
        count,
        "refused with one line, or read as it was written",
    )


# --- XML bombs


def bombs() -> dict[str, str]:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    return {
        "billion laughs": f'<!DOCTYPE form [{laughs}]><form id="a01-000u" writer-id="&l9;"/>',
        "quadratic": f'<!DOCTYPE form [<!ENTITY a "{"a" * 50_000}">]><form id="{"&a;" * 5_000}"/>',
        "a file from outside": '<!DOCTYPE form [<!ENTITY a SYSTEM "file:///etc/hostname">]><form id="&a;"/>',
        "parameter entities": '<!DOCTYPE form [<!ENTITY % a "x"> %a;]><form id="a"/>',
        "an attribute's default": '<!DOCTYPE form [<!ENTITY a "b"><!ATTLIST form id CDATA "&a;">]><form/>',
        "a deep nest": "<form>" * 200_000,
        "a nest that closes": "<x>" * 200_000 + "</x>" * 200_000,
    }


@pytest.mark.parametrize("name", bombs())
def test_xml_bombs_do_not_go_off(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = write(tmp_path / "bomb.xml", bombs()[name].encode())
    assert refused(lambda: read_form_xml(path)) is None
    record(
        request,
        "XML bombs",
        len(bombs()),
        "refused with one line; nothing fetched, nothing expanded",
    )
