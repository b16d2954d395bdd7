"""The reader in JavaScript with all that it needs in one folder of a site: modules, runtime, models, languages.

The reader (`reader/*.js`) is edited by hand and copied as it is; it fetches the rest from beside it, see `Reader.load`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.text import language, languages, spelling
from htr_utils.text.tuned import settings_file as tuned_file
from workshop.publish import inside, vendor

READER = Path(__file__).parent / "reader"
_LARGE = 5000  # weights of a layer that are worth it
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def copy(out: Path) -> list[Path]:
    """Write the reader into the folder `out`; returns its files.

    Raises:
        HtrError: ONNX Runtime Web is not in the cache and cannot be fetched, a model is missing.
    """
    runtime = vendor.package("onnxruntime-web") / "dist"
    model = paths.model_file("course").with_suffix(".onnx")
    taken = [*READER.glob("*.js"), *(runtime / name for name in RUNTIME)]
    taken.append(paths.finder_file())
    missing = [file for file in [*taken, model] if not file.is_file()]
    if missing:
        raise HtrError(f"{missing[0]}: is missing; fetch the course again")
    (out / "languages").mkdir(parents=True, exist_ok=True)
    for file in taken:
        shutil.copyfile(file, out / file.name)
    content = model.read_bytes()
    files.write_bytes(out / model.name, halved(content))
    files.write_bytes(out / "layers.part", inside.outputs(content))
    tuned = json.loads(tuned_file(languages.USUAL).read_text(encoding="utf-8"))
    about = {name: tuned[name] for name in ("model", "fusion", "confidence")}
    about |= {"sees": inside.sees(content), "languages": _languages(out)}
    files.write_text(out / "reader.json", json.dumps(about, indent=1) + "\n")
    return sorted(file for file in out.rglob("*") if file.is_file())


def halved(content: bytes) -> bytes:
    """An ONNX file whose large weights are stored in 16 bits: a quarter less to fetch, the same texts."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(content)
    casts = []
    for one in model.graph.initializer:
        if one.data_type != TensorProto.FLOAT or numpy_helper.to_array(one).size < _LARGE:
            continue
        name, stored = one.name, f"{one.name}_half"
        half = numpy_helper.to_array(one).astype(np.float16)
        one.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _languages(out: Path) -> dict[str, dict[str, int]]:
    """Write the language models, their profiles in one file, the words of other lists; returns what there is."""
    about, profiles = {}, b""
    for name, file in language.shipped().items():
        shutil.copyfile(file, out / "languages" / f"{name}.lm")
        own = language.LanguageModel.load(file)
        profiles += own.profile
        more = []
        if name == languages.USUAL:  # autocorrect brings English words alone
            listed = {word.lower() for word in spelling.listed(())}
            more = sorted(listed - {word.lower() for word in own.words})
            files.write_text(out / "languages" / f"{name}.words", "\n".join(more) + "\n")
        about[name] = {"bytes": file.stat().st_size, "words": len(more)}
    files.write_bytes(out / "languages" / "profiles.bin", profiles)
    return about
