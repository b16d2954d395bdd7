"""Browser libraries for slides and site: fetched by npm when needed, kept in the user's cache, never committed."""

from __future__ import annotations

from pathlib import Path

from htr_utils.synth import npm

# What is tested. reveal.js shows the slides, MathJax draws their formulas, axe-core looks at pages in tests,
# ONNX Runtime Web runs the networks in the reader of the site.
VERSIONS = {
    "reveal.js": "5.2.1",
    "mathjax": "3.2.2",
    "axe-core": "4.10.3",
    "onnxruntime-web": "1.30.0",
}


def package(name: str, folder: Path | None = None) -> Path:
    """The folder of a package of VERSIONS, fetched the first time; raises as `npm.install`.

    Args:
        folder: where `node_modules` goes; the cache without.
    """
    folder = folder or npm.cache_folder("browser")
    npm.install({name: VERSIONS[name]}, folder)
    return folder / "node_modules" / name
