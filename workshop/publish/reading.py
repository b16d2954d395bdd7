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
_LARGE, _MANY = 5000, 200_000  # weights of a layer that are worth it, and that are most of the file
_FINE, _COARSE = 330, 110  # steps of the usual weight
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
    files.write_bytes(out / model.name, packed(content))
    files.write_bytes(out / "layers.part", inside.outputs(content))
    tuned = json.loads(tuned_file(languages.USUAL).read_text(encoding="utf-8"))
    about = {name: tuned[name] for name in ("model", "fusion", "confidence")}
    about |= {"sees": inside.sees(content), "languages": _languages(out)}
    files.write_text(out / "reader.json", json.dumps(about, indent=1) + "\n")
    return sorted(file for file in out.rglob("*") if file.is_file())


def packed(content: bytes) -> bytes:
    """An ONNX file whose large weights are whole numbers of steps; activations stay floating-point.

    A step is a share of the tensor's usual weight. What of a number fits into a byte and the rest, mostly 0, are stored
    apart: so a host that compresses sends about 10 bits for each weight.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(content)
    graph, made = model.graph, []
    halves = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for name in [name for node in graph.node for name in node.input[1:3]]:
        stored = halves[name].input[0] if name in halves else name
        weights = numpy_helper.to_array(tensors[stored]) if stored in tensors else np.zeros(0)
        if weights.size < _LARGE:
            continue
        weights = weights.astype(np.float64)
        usual = np.sqrt(np.mean(weights**2))
        step = usual / (_COARSE if weights.size > _MANY else _FINE)
        whole = np.round(weights / step).astype(np.int32)
        rest = (whole + 128) >> 8
        parts = {"low": (whole - 256 * rest).astype(np.int8), "rest": rest.astype(np.int8)}
        parts |= {"step": np.float32(step), "large": np.float32(256 * step)}
        graph.initializer.remove(tensors[stored])
        for kind, part in parts.items():
            graph.initializer.append(numpy_helper.from_array(np.asarray(part), f"{name}_{kind}"))
        for kind, factor in (("low", "step"), ("rest", "large")):
            part = f"{name}_{kind}"
            made.append(helper.make_node("Cast", [part], [f"{part}_f"], to=TensorProto.FLOAT))
            made.append(helper.make_node("Mul", [f"{part}_f", f"{name}_{factor}"], [f"{part}_w"]))
        made.append(helper.make_node("Add", [f"{name}_low_w", f"{name}_rest_w"], [name]))
        if name in halves:
            graph.node.remove(halves[name])
    nodes = [*made, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
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
