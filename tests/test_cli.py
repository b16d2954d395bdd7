"""The `htr` command as a user meets it: exit codes, one clear line, other files still read."""

from __future__ import annotations

import subprocess
import sys
import zlib
from struct import pack

import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils import paths
from htr_utils.cli import main
from htr_utils.lines import images


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
    bad = [tmp_path / name for name in ("text.png", "broken.png", "one.png", "huge.png", "missing.png")]
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
        ("train", "--init", "nonsense", "--out", "m.keras"),
        ("train", "--out", "model.h5"),
        ("train", "--epochs", "0", "--out", "m.keras"),
        ("train", "--data", "nowhere", "--out", "m.keras"),
    ],
)
def test_a_mistake_is_one_line(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, code=1)
    assert result.stderr.startswith("Error: ") and len(result.stderr.strip().splitlines()) == 1


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


def test_help_and_bad_arguments_do_not_import_tensorflow():
    for arguments in (["--help"], ["read", "missing.png"], ["data", "check", "nowhere"]):
        code = (
            f"import sys; sys.argv = ['htr', *{arguments!r}]\nfrom htr_utils.cli import main\n"
            "try: main()\nexcept SystemExit: pass\nassert 'tensorflow' not in sys.modules"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
