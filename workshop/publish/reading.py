"""The reader in JavaScript with all that it needs, in one folder of a site: modules, ONNX Runtime Web, models, languages.

The reader (`reader/*.js`) is edited by hand and copied as it is; it fetches the rest from beside it, see `Reader.load`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.text import language, spelling
from workshop.publish import vendor

READER = Path(__file__).parent / "reader"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def copy(out: Path) -> list[Path]:
    """Write the reader into the folder `out`; returns its files.

    Raises:
        HtrError: ONNX Runtime Web is not in the cache and cannot be fetched, a model is missing.
    """
    runtime = vendor.package("onnxruntime-web") / "dist"
    model = paths.model_file("course").with_suffix(".onnx")
    taken = [*READER.glob("*.js"), *(runtime / name for name in RUNTIME)]
    taken += [model, paths.finder_file(), model.parent / "decoding.json"]
    missing = [file for file in taken if not file.is_file()]
    if missing:
        raise HtrError(f"{missing[0]}: is missing; fetch the course again")
    (out / "languages").mkdir(parents=True, exist_ok=True)
    for file in taken:
        shutil.copyfile(file, out / file.name)
    _languages(out)
    return sorted(file for file in out.rglob("*") if file.is_file())


def _languages(out: Path) -> None:
    """The language models, their profiles in one file, the words of other lists, and what there is in `reader.json`."""
    about, profiles = {}, b""
    for name, file in language.shipped().items():
        shutil.copyfile(file, out / "languages" / f"{name}.lm")
        own = language.LanguageModel.load(file)
        profiles += own.profile
        listed = {word.lower() for word in spelling.listed((), language=name)} if name == "en" else set()
        more = sorted(listed - {word.lower() for word in own.words})
        if more:
            files.write_text(out / "languages" / f"{name}.words", "\n".join(more) + "\n")
        about[name] = {"bytes": file.stat().st_size, "words": len(more)}
    files.write_bytes(out / "languages" / "profiles.bin", profiles)
    files.write_text(out / "reader.json", json.dumps({"languages": about}, indent=1) + "\n")
