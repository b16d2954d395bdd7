"""The `htr` command as a user meets it: exit codes, one clear line, other files still read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from htr_utils import Recognizer, formats, paths
from htr_utils.cli import main, outputs
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.text import tuned
from tests.helpers.chapters import ROOT


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """Each model is loaded once for all commands; what a stranger's first command does is in `test_wheel`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recognizer, "load", cache(Recognizer.load))
        yield


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def huge_png(path, side=20_000):
    """A valid PNG of side x side grey pixels in a few hundred kilobytes."""

    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(1)
    data = b"".join(rows.compress(b"\0" + b"\xff" * side) for _ in range(side)) + rows.flush()
    header = pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_bad_files_are_named_and_the_good_one_is_still_read(tmp_path):
    good = paths.samples()[0]
    (tmp_path / "text.png").write_text("this is no image")
    (tmp_path / "broken.png").write_bytes(good.read_bytes()[:2000])
    images.save(tmp_path / "one.png", np.zeros((1, 1), np.uint8))
    huge_png(tmp_path / "huge.png")
    bad = [
        tmp_path / name for name in ("text.png", "broken.png", "one.png", "huge.png", "missing.png")
    ]
    result = run("read", *bad, good, code=1)
    errors = result.stderr.strip().splitlines()
    assert len(errors) == len(bad)
    for path, error in zip(bad, errors, strict=True):
        assert error.startswith("error: ") and path.name in error
    assert f"{good}:" in result.stdout
    assert len(result.stdout.strip().splitlines()) == 2


def test_read_prints_the_text_alone_for_one_file():
    assert len(run("read", paths.samples()[0]).stdout.strip().splitlines()) == 1


def test_read_with_spelling_is_the_classic_print_out():
    text = run("read", paths.samples()[0], "--spelling", "fast").stdout
    assert "Without correction" in text and "With correction" in text


def test_the_gate_warns_after_decoders_that_it_was_not_found_to_help(monkeypatch):
    load = tuned.Tuned.load
    for gated, warned in (((), True), (("lexicon",), False)):
        monkeypatch.setattr(
            tuned.Tuned,
            "load",
            lambda charset, name="en", gated=gated: replace(load(charset, name), gated=gated),
        )
        Recognizer.load.cache_clear()
        told = run("read", paths.samples()[0], "--spelling", "gated", "--decoder", "lexicon").stderr
        assert ("after --decoder lexicon the gate did not help" in told) == warned
    Recognizer.load.cache_clear()


def test_evaluate_reads_a_folder_with_a_table(tmp_path):
    result = run("evaluate", "--data", paths.data_root() / "samples")
    assert result.stdout.startswith("CER ") and "WER" in result.stdout


def test_data_check_says_whether_a_folder_may_be_used(tmp_path):
    run("data", "check")
    assert "lines.txt" in run("data", "check", tmp_path, code=1).output


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--split", "nonsense"),
        ("evaluate", "--model", "nonsense"),
        ("evaluate", "--model", "german.lm"),
        ("train", "--init", "nonsense", "--out", "m.keras"),
        ("train", "--out", "model.h5"),
        ("train", "--data", "nowhere", "--out", "m.keras"),
    ],
)
def test_a_mistake_is_one_line(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, code=1)
    assert result.stderr.startswith("Error: ") and len(result.stderr.strip().splitlines()) == 1


def test_rendered_lines_beside_a_folder_ask_for_their_share():
    """Else no line of the folder is seen; one with splits still watches, and the command says that it only does."""
    trainer, said = import_module("htr_utils.trainer"), []
    own = str(paths.embedded_root() / "samples")
    for share in (None, 0.0):
        with pytest.raises(HtrError, match=r"samples: no line of it.* say with --share"):
            trainer.open_data(trainer.Plan("m.keras", own, 8, share), said.append)
    assert trainer.open_data(trainer.Plan("m.keras", own, 8, 0.5), said.append).lines
    assert not said
    trainer.open_data(trainer.Plan("m.keras", str(paths.embedded_root()), 8), said.append)
    assert "validation lines only watch" in said[0]


def test_a_share_of_embedded_lines_from_a_wheel_names_its_remedy(tmp_path, monkeypatch):
    data, model = paths.embedded_root(), paths.model_file("course")
    monkeypatch.setattr(paths, "repo_root", lambda: None)
    words = (
        "train",
        "--init",
        model,
        "--share",
        0.2,
        "--data",
        data,
        "--out",
        tmp_path / "m.keras",
    )
    assert "--share 0" in run(*words, code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--epochs", "0"),
        ("train", "--nonsense"),
        ("read",),
        ("nonsense",),
        ("data", "nonsense"),
    ],
)
def test_a_wrong_option_is_one_line_and_says_where_help_is(arguments):
    line = run(*arguments, code=2).stderr.strip()
    assert line.startswith("Error: ") and "\n" not in line and line.endswith("--help")


def test_train_writes_a_model_that_reads(tmp_path, monkeypatch):
    """A tiny own folder, one epoch, from the shipped model."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = (paths.data_root() / "samples" / "transcriptions.tsv").read_text(encoding="utf-8")
    (folder / "transcriptions.tsv").write_text(rows, encoding="utf-8")
    for path in paths.samples():
        (folder / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "own.keras"
    options = ("--init", "course", "--epochs", 1, "--batch", 2, "--workers", 0, "--out", out)
    assert "epoch 1/1" in run("train", "--data", folder, *options).output
    assert run("read", paths.samples()[0], "--model", out).stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_htr_train_ends_with_the_very_weights_of_an_unbroken_one(
    tmp_path, monkeypatch, precision
):
    """The command as it is used: own lines with embedded ones among them, distorted, made ready in another process."""
    from htr_utils.network import archive, training

    def command(name, code=0):
        out = (
            "--epochs",
            2,
            "--batch",
            2,
            "--precision",
            precision,
            "--deterministic",
            "--out",
            tmp_path / name,
        )
        return run(
            "train",
            "--data",
            paths.data_root() / "samples",
            "--init",
            "course",
            "--share",
            0.5,
            *out,
            code=code,
        )

    command("unbroken.keras")
    keep = training.Trainer.checkpoint

    def stop(trainer):
        keep(trainer)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training.Trainer, "checkpoint", stop)
        assert "interrupted after epoch 1" in command("broken.keras", code=1).output
    assert "resumed after epoch 1" in command("broken.keras").output
    for one, other in zip(
        *(archive.read(tmp_path / f"{n}.keras")[3] for n in ("unbroken", "broken")), strict=True
    ):
        assert np.array_equal(one, other)


def test_help_and_bad_arguments_do_not_import_tensorflow():
    train = (
        ["--data", "nowhere"],
        ["--out", "x.h5"],
        ["--init", "nonsense"],
        ["--epochs", "0"],
        ["--batch", "0"],
        ["--rate", "0"],
        ["--seed", "-1"],
        ["--augment", "-1"],
        ["--rendered", "-5"],
        ["--text", "."],
        ["--init", "course", "--preset", "wide"],
        ["--init", "course", "--out", str(paths.model_file("course"))],
    )
    for arguments in (
        ["--help"],
        ["read", "missing.png"],
        ["data", "check", "nowhere"],
        *(["train", *one] for one in train),
    ):
        code = (
            f"import sys; sys.argv = ['htr', *{arguments!r}]\nfrom htr_utils.cli import main\n"
            "try: main()\nexcept SystemExit as end: code = end.code\nassert 'tensorflow' not in sys.modules\n"
            f"assert bool(code) == {arguments != ['--help']}, code"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)


# Pages and formats


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Three lines under each other."""
    lines = [images.load(sample) for sample in paths.samples()[:3]]
    page = np.full((520, max(grey.shape[1] for grey in lines) + 120), 235, np.uint8)
    for number, grey in enumerate(lines):
        level = grey / np.percentile(grey, 90, axis=0) * 235
        h, w = grey.shape
        page[30 + 150 * number :, 60:][:h, :w] = level.clip(0, 235)
    path = tmp_path_factory.mktemp("pages") / "letter.png"
    images.save(path, page)
    return path


def test_a_page_and_a_line_are_told_apart(page_file):
    assert len(run("read", page_file).stdout.strip().splitlines()) == 3
    assert len(run("read", page_file, "--as", "line").stdout.strip().splitlines()) <= 1
    assert len(run("read", paths.samples()[0], "--as", "page").stdout.strip().splitlines()) == 1


def test_a_page_s_lines_read_like_the_lines_themselves(page_file):
    lines = [run("read", path).stdout.strip() for path in paths.samples()[:3]]
    from rapidfuzz.distance import Levenshtein

    read = run("read", page_file).stdout.strip()
    assert Levenshtein.distance(read, "\n".join(lines)) < 0.1 * len(read)


@pytest.mark.parametrize("format_", ["text", "markdown", "json", "hocr", "alto", "page"])
def test_every_format_is_written_with_an_overlay_of_each_page(format_, page_file, tmp_path):
    second = tmp_path / "other" / page_file.name  # the same name in another folder
    second.parent.mkdir()
    second.write_bytes(page_file.read_bytes())
    out = tmp_path / "out"
    result = run("read", page_file, second, "--out", out, "--format", format_, "--overlay")
    assert result.stdout == ""
    ending = formats.ENDINGS[format_]
    names = {f"letter.png{part}{end}" for part in ("", "-2") for end in (ending, ".overlay.png")}
    assert {path.name for path in out.iterdir()} == names
    assert (out / f"letter.png{ending}").read_text(encoding="utf-8").count(
        "line_1_2" if format_ != "page" else "line_2"
    ) == (1 if format_ in ("hocr", "alto", "page") else 0)
    assert images.load(out / "letter.png.overlay.png").size > 100_000


def test_json_holds_words_with_boxes_and_what_the_speller_makes_of_them(page_file):
    made = json.loads(run("read", page_file, "--format", "json", "--spelling", "fast").stdout)
    (page,) = made["pages"]
    assert page["image"] == "letter.png" and len(page["lines"]) == 3
    for line in page["lines"]:
        assert (
            " ".join(word["text"] for word in line["words"]) == line["text"] and "corrected" in line
        )
        lefts = [word["box"][0] for word in line["words"]]
        assert lefts == sorted(lefts) and 0 < line["confidence"] <= 1


def test_one_bad_page_stops_neither_the_others_nor_the_folder(page_file, tmp_path):
    (tmp_path / "a-broken.png").write_bytes(page_file.read_bytes()[:3000])
    (tmp_path / "b.png").write_bytes(paths.samples()[0].read_bytes())
    images.save(tmp_path / "c-empty.png", np.full((900, 700), 235, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "b.overlay.png").write_bytes(b"made by an earlier run")
    result = run("read", tmp_path, code=1)
    note, *errors = result.stderr.strip().splitlines()
    assert note.startswith("note: left out") and note.endswith("notes.txt")
    assert len(errors) == 2 and "a-broken.png" in errors[0] and "c-empty.png" in errors[1]
    assert f"{tmp_path / 'b.png'}:" in result.stdout


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(5, "input/output error"), ValueError("two\nlines")]
)
def test_whatever_one_file_sets_off_the_others_are_read(error, tmp_path, monkeypatch):
    """Opened, prepared, or in the network: the file is named in one line, and those after it are read."""
    from htr_utils import pages
    from htr_utils.engines.onnx import OnnxEngine

    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(paths.samples()[0].read_bytes())
    true, calls = pages.each_page, []

    def each(name, *given):
        if Path(name).name == "b.png":
            raise error
        return true(name, *given)

    with monkeypatch.context() as patch:
        patch.setattr(pages, "each_page", each)
        result = run("read", tmp_path, "--as", "line", code=1)
    (told,) = result.stderr.strip().splitlines()
    assert told.startswith("error: ") and "b.png" in told
    assert "a.png:" in result.stdout and "c.png:" in result.stdout

    read_batch = OnnxEngine.logits

    def failing(*batch):
        calls.append(0)
        if len(calls) == 1:
            raise error
        return read_batch(*batch)

    monkeypatch.setattr(OnnxEngine, "logits", failing)
    monkeypatch.setattr(
        Recognizer.read_iter, "__kwdefaults__", Recognizer.read_iter.__kwdefaults__ | {"chunk": 1}
    )
    result = run("read", tmp_path, "--as", "line", code=1)
    told = result.stderr.strip().splitlines()
    assert 1 <= len(told) < 3 and "a.png" in told[0] and "c.png:" in result.stdout


def test_two_inputs_never_write_one_result(page_file, tmp_path):
    """The first page of `scan.pdf` and `scan-1.png` have names of their own."""
    pytest.importorskip("pypdfium2")
    pictures = [Image.fromarray(images.load(path)) for path in paths.samples()[:2]]
    pictures[0].save(
        tmp_path / "scan.pdf", save_all=True, append_images=pictures[1:], resolution=200
    )
    pictures[0].save(tmp_path / "scan-1.png")
    out = tmp_path / "out"
    run("read", tmp_path / "scan.pdf", tmp_path / "scan-1.png", "--format", "page", "--out", out)
    assert {path.name for path in out.iterdir()} == {
        "scan-1.page.xml",
        "scan-2.page.xml",
        "scan-1.png.page.xml",
    }
    # A PDF that calls itself a picture is found out when it is read: nothing is written over.
    (tmp_path / "scan.png").write_bytes((tmp_path / "scan.pdf").read_bytes())
    words = (
        "read",
        tmp_path / "scan-1.png",
        tmp_path / "scan.png",
        "--format",
        "page",
        "--out",
        tmp_path / "two",
    )
    result = run(*words, code=1)
    (told,) = result.stderr.strip().splitlines()
    assert "scan.png: its result scan-1.page.xml would replace that of" in told
    assert "scan-1.png" in (tmp_path / "two" / "scan-1.page.xml").read_text(encoding="utf-8")


@given(
    st.lists(
        st.sampled_from(
            [
                "a/x.png",
                "b/x.png",
                "x.jpg",
                "X.png",
                "x-2.png",
                "x.png-2.png",
                "x.pdf",
                "b/x.pdf",
                "x-1.jpg",
                "x.pdf-2.tif",
            ]
        ),
        min_size=1,
        unique=True,
    )
)
def test_stems_are_never_shared(names):
    """Neither as they are nor as the pages of a longer file, small and capital letters alike."""
    stems = [stem.lower() for stem in outputs.stems_of(names)]
    pages = {
        f"{stem}-{n}"
        for stem, name in zip(stems, names, strict=True)
        if name[-3:] in ("pdf", "tif")
        for n in range(1, 4)
    }
    assert len(set(stems)) == len(stems) and not pages & set(stems)


def test_the_pages_of_a_pdf_and_of_a_tiff_are_read_in_order(page_file, tmp_path):
    pytest.importorskip("pypdfium2")
    for name in ("two.pdf", "two.tiff"):
        pictures = [Image.fromarray(images.load(path)) for path in (page_file, paths.samples()[0])]
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], resolution=200)
        first, second = run("read", tmp_path / name).stdout.split("\n\n")
        assert len(first.splitlines()) == 3 and len(second.strip().splitlines()) == 1
        out = tmp_path / "out"
        run("read", tmp_path / name, "--format", "page", "--out", out)
        assert {path.name for path in out.iterdir()} == {"two-1.page.xml", "two-2.page.xml"}
        shutil.rmtree(out)


@pytest.mark.parametrize("arguments", [("--overlay",), ("--format", "alto")])
def test_what_cannot_be_printed_asks_for_a_folder(arguments, page_file):
    result = run("read", page_file, page_file, *arguments, code=2)
    assert "--out FOLDER" in result.stderr


def test_a_result_that_cannot_be_written_is_one_of_the_errors(page_file, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").mkdir()
    result = run("read", page_file, "--out", tmp_path / "out", code=1)
    assert result.stderr.count("\n") == 1 and "letter.txt" in result.stderr


def test_the_pages_before_a_bad_one_are_written(tmp_path):
    line, long = (images.load(path) for path in paths.samples()[:2])
    strip = np.tile(long, (1, 60))  # too long for a line
    pictures = [Image.fromarray(grey) for grey in (line, long, strip)]
    pictures[0].save(tmp_path / "lines.tif", save_all=True, append_images=pictures[1:])
    words = ("read", tmp_path / "lines.tif", "--as", "line", "--out", tmp_path / "out")
    (told,) = run(*words, code=1).stderr.strip().splitlines()
    assert "lines.tif" in told and "too long" in told
    alone = [run("read", path).stdout.strip() for path in paths.samples()[:2]]
    read = (tmp_path / "out" / "lines.txt").read_text(encoding="utf-8").split()
    assert read == " ".join(alone).split()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize("full", [False, True], ids=["nobody listens", "full"])
def test_what_fails_where_it_is_printed_is_no_file_s_fault(full):
    """`htr read scans | head -1`, and on a full disk."""
    command = [sys.executable, "-m", "htr_utils.cli", "read", *map(str, paths.samples()[:3])]
    if full:
        with Path("/dev/full").open("w") as out:
            child = subprocess.run(
                command, stdout=out, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
            )
        code, told = child.returncode, child.stderr
    else:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as pipe:
            pipe.stdout.close()
            told = pipe.stderr.read()
        code = pipe.returncode
    assert code == 1
    if full:
        assert told.startswith("Error: ") and told.count("\n") == 1 and "No space left" in told, (
            told
        )
    else:
        assert told == ""


def test_an_error_of_the_system_without_a_file_is_one_line(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paths, "model_file", full)
    (told,) = run("evaluate", code=1).stderr.strip().splitlines()
    assert told.startswith("Error: No space left on device; ")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_a_name_that_is_no_utf_8_costs_no_reading(tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(paths.samples()[0], odd)
    texts = run("read", odd, paths.samples()[0]).stdout.splitlines()
    assert len(texts) == 4 and texts[0].endswith("caf\ufffd.png:") and texts[1] == texts[3] != ""


def test_a_folder_names_what_it_leaves_out(tmp_path):
    picture = Image.open(paths.samples()[0])
    picture.save(tmp_path / "a.webp", lossless=True)
    picture.save(tmp_path / "b.bmp")
    for name in ("notes.txt", "x.docx", ".hidden", "1.zip", "2.zip"):
        (tmp_path / name).write_text("no picture")
    result = run("read", tmp_path, "--as", "line")
    assert "a.webp:" in result.stdout and "b.bmp:" in result.stdout
    (note,) = result.stderr.strip().splitlines()
    assert note.endswith("1.zip, 2.zip, notes.txt and 1 more")
