"""A class's machines: is this one ready, and one zip from which a machine without a network installs."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from htr_utils.errors import HtrError
from htr_utils.paths import model_file, repo_root
from workshop.publish import kit
from workshop.setup import MADE_FOR, NEWEST, OLDEST, PIP, made_for, quietly

MEMORY_GB, DISK_GB, STEP_SECONDS = 2.0, 1.0, 5.0
# What the notebooks import, beside the package; the distribution that brings it where the name differs.
MODULES = dict.fromkeys(
    "tensorflow keras numpy rapidfuzz autocorrect matplotlib jupyterlab ipykernel papermill nbconvert "
    "jupytext psutil".split(),
    "",
) | {"cv2": "opencv-python", "PIL": "pillow"}
SETUP = "python -m htr_utils setup"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `state` is "ok", "slow" (usable) or "bad"; bad and slow carry a remedy."""

    name: str
    state: str
    says: str
    remedy: str = ""


def python_version(version: Sequence[int] = sys.version_info[:2]) -> Finding:
    """Python 3.11 to 3.13."""
    says = f"Python {version[0]}.{version[1]} on {platform.system()}"
    if OLDEST <= tuple(version) <= NEWEST:
        return Finding("python", "ok", says)
    remedy = "install Python 3.12 and make the environment again with it"
    return Finding("python", "bad", says, remedy)


def packages() -> Finding:
    """Everything that the notebooks import is installed, in a version that the package allows."""
    from packaging.requirements import Requirement

    gone = [module for module in MODULES if importlib.util.find_spec(module) is None]
    missing, wrong = ", ".join(MODULES[module] or module for module in gone), list[str]()
    try:
        wanted = importlib.metadata.requires("htr-utils") or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    for text in wanted:
        need = Requirement(text)
        extras = ({"extra": extra} for extra in ("train", "chapters", "course"))
        if need.marker is not None and not any(map(need.marker.evaluate, extras)):
            continue
        try:
            there = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            continue  # told above, or swapped as OpenCV is
        if not need.specifier.contains(there, prereleases=True):
            wrong.append(f"{need.name} {there}")
    if missing or wrong:
        parts = ("missing", missing), ("other versions", ", ".join(wrong))
        says = "; ".join(f"{what}: {names}" for what, names in parts if names)
        return Finding("packages", "bad", says, f"`{SETUP}`, or `pip install -e '.[course]'`")
    return Finding("packages", "ok", f"{len(MODULES)} libraries there")


def opencv() -> Finding:
    """OpenCV imports and halves a picture."""
    import numpy as np

    try:
        cv2 = importlib.import_module("cv2")
        shape = cv2.resize(np.zeros((64, 900), np.uint8), None, fx=0.5, fy=0.5).shape
    except Exception as error:
        says = (str(error).splitlines() or [type(error).__name__])[-1][:90]
        remedy = (
            f"`{SETUP}` swaps it for opencv-python-headless where display libraries are missing"
        )
        return Finding("cv2", "bad", says, remedy)
    if shape != (32, 450):
        return Finding("cv2", "bad", f"resizes to {shape}", f"`{SETUP}`")
    return Finding("cv2", "ok", f"OpenCV {cv2.__version__}")


def memory(free_gb: float | None = None) -> Finding:
    """Enough free memory for a chapter."""
    if free_gb is None:
        import psutil

        free_gb = psutil.virtual_memory().available / 1e9
    says = f"{free_gb:.1f} GB free"
    if free_gb < MEMORY_GB:
        remedy = f"close other programs until {MEMORY_GB:.0f} GB are free"
        return Finding("memory", "bad", says, remedy)
    return Finding("memory", "ok", says)


def disk(folder: Path) -> Finding:
    """Enough room for results."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < DISK_GB:
        return Finding("disk", "bad", f"{free:.1f} GB free", f"free {DISK_GB:.0f} GB on this disk")
    return Finding("disk", "ok", f"{free:.0f} GB free")


def writing(folder: Path) -> Finding:
    """The folder may be written to."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".htr-") as file:
            file.write(b"x")
    except OSError as error:
        remedy = "unpack the course into a folder of your own"
        return Finding("writing", "bad", error.strerror or str(error), remedy)
    return Finding("writing", "ok", "this folder may be written to")


def material() -> Finding:
    """Chapters, data and model are beside the package."""
    root = repo_root()
    if root is None:
        remedy = "unpack or clone the course, start there"
        return Finding("course", "bad", "no chapters beside the package", remedy)
    try:
        model_file("course")
    except HtrError as error:
        return Finding("course", "bad", str(error), "unpack the course again")
    lines = root / "data" / "ascii" / "lines.txt"
    chapters = len(list((root / "notebooks").glob("[0-9][0-9]_*.ipynb")))
    if not lines.is_file() or not chapters:
        return Finding("course", "bad", "chapters or data are missing", "unpack the course again")
    return Finding("course", "ok", f"{chapters} chapters, data, a trained model")


def kernel(name: str = "python3", timeout: float = 60) -> Finding:
    """A Jupyter kernel starts, answers, and is this Python."""
    from jupyter_client.manager import start_new_kernel

    remedy = f"`{Path(sys.executable).name} -m ipykernel install --sys-prefix`"
    try:
        manager, client = start_new_kernel(kernel_name=name, startup_timeout=timeout)
    except Exception as error:
        return Finding("kernel", "bad", f"{name} does not start ({type(error).__name__})", remedy)
    said: list[str] = []
    try:
        client.execute_interactive(
            "import sys; print(sys.prefix)",
            timeout=timeout,
            output_hook=lambda message: said.append(message["content"].get("text", "")),
        )
    except TimeoutError:
        return Finding(
            "kernel", "bad", f"{name} does not answer", "close other notebooks; try again"
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if "".join(said).strip() != sys.prefix:
        return Finding("kernel", "bad", f"{name} is another Python", remedy)
    return Finding("kernel", "ok", f"{name} starts and answers")


def training_step(preset: str = "course", limit: float = STEP_SECONDS) -> Finding:
    """Seconds for one training step of 8 lines, the second after compiling."""
    import numpy as np
    import tensorflow as tf

    from htr_utils.network import ctc, models
    from htr_utils.text.charset import Charset

    chosen = models.preset(preset)
    network = models.build(chosen, Charset().classes)
    height = chosen.preparation.height
    image = tf.constant(np.random.default_rng(0).random((8, height, 640, 1), np.float32))
    width = tf.constant(np.full(8, 640, np.int32))
    frames = tf.cast(models.frames(np.full(8, 640), chosen), tf.int32)
    label = tf.constant(np.tile(np.arange(1, 31, dtype=np.int32), (8, 1)))

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network({"image": image, "width": width}, training=True)["logits"]
            loss = tf.reduce_mean(ctc.loss(logits, frames, label, tf.fill([8], 30)))
        gradients = tape.gradient(loss, network.trainable_variables)
        return tf.add_n([tf.reduce_sum(slope) for slope in gradients if slope is not None])

    seconds = 0.0
    for _ in range(2):
        begin = time.monotonic()
        step().numpy()
        seconds = time.monotonic() - begin
    says = f"one step of 8 lines takes {seconds:.1f} s"
    if seconds > limit:
        remedy = "chapters take longer here; close other programs, or work in pairs"
        return Finding("training", "slow", says, remedy)
    return Finding("training", "ok", says)


def look(folder: Path, *, quick: bool = False) -> Iterator[Finding]:
    """Every finding in turn; what fails in an unforeseen way is a finding, too.

    Args:
        folder: where the learner works.
        quick: without the kernel and the training step.
    """
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("python", python_version),
        ("packages", packages),
        ("cv2", opencv),
        ("memory", memory),
        ("disk", lambda: disk(folder)),
        ("writing", lambda: writing(folder)),
        ("course", material),
    ]
    if not quick:
        looks += [("kernel", kernel), ("training", training_step)]
    for name, finding_of in looks:
        try:
            yield finding_of()
        except Exception as error:
            says = " ".join(str(error).split())[:90]
            yield Finding(name, "bad", f"{type(error).__name__}: {says}", f"`{SETUP}`")


def verdict(findings: Sequence[Finding]) -> str:
    """One line: ready, or what stands in the way and what to do about it."""
    bad = [finding for finding in findings if finding.state == "bad"]
    if bad:
        return "Verdict: not ready. " + "; ".join(
            f"{finding.name}: {finding.remedy}" for finding in bad
        )
    slow = [finding for finding in findings if finding.state == "slow"]
    if slow:
        return "Verdict: ready, but slow. " + "; ".join(finding.remedy for finding in slow)
    return "Verdict: this machine is ready."


def as_json(findings: Sequence[Finding]) -> str:
    """Findings and verdict for a lecturer who collects them; names no person and no folder."""
    rows = [asdict(finding) for finding in findings]
    return json.dumps({"findings": rows, "verdict": verdict(findings)}, indent=1)


# ---- the offline zip


def _pip_wheel(lock: Path, out: Path, more: Sequence[str]) -> None:
    """Wheels of everything in a lock, built where the registry has no wheel.

    Raises:
        HtrError: pip cannot fetch or build one.
    """
    quiet = ["--no-deps", "--progress-bar", "off"]
    where = ["--wheel-dir", str(out), "-r", str(lock)]
    done = quietly([sys.executable, *PIP, "wheel", *quiet, *where, *more])
    if done.returncode:
        lines = [
            line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")
        ]
        raise HtrError(
            f"the wheels cannot be fetched: {(lines or ['pip said nothing'])[-1][:200]}; check the network"
        )


def wheels(lock: Path, out: Path, more: Sequence[str] = ()) -> list[Path]:
    """Fetch the wheels of a lock for this machine's kind, OpenCV also without its display libraries.

    Args:
        lock: requirements with exact versions; lines for other systems are left out by their markers.
        out: folder for the wheels.
        more: further arguments for pip.
    """
    _pip_wheel(lock, out, more)
    pinned = re.search(r"^opencv-python==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if pinned:
        spare = out / "spare.txt"
        spare.write_text(f"opencv-python-headless=={pinned[1]}\n", encoding="utf-8")
        _pip_wheel(spare, out, more)
        spare.unlink()
    return sorted(out.glob("*.whl"))


def pack(out: Path, root: Path | None = None, more: Sequence[str] = ()) -> tuple[int, int]:
    """Write one zip with the class's files and every wheel; returns how many files and wheels it holds.

    On a machine of the same kind, without a network: unpack, then `python -m htr_utils setup`.

    Args:
        out: the zip.
        root: the checkout.
        more: further arguments for pip.
    Raises:
        HtrError: a chapter is out of date, a solution shows, a wheel is missing, or the disk is full.
    """
    root = root or kit.course_root()
    content = kit.student_files(root)
    leaking = kit.leaks(content, kit.secrets(kit.notebooks.find(folder=root / "notebooks")))
    if leaking:
        raise HtrError(f"{len(leaking)} lines of solutions would be given away, first {leaking[0]}")
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".wheels-") as folder:
            fetched = wheels(root / "requirements.lock", Path(folder), more)
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in sorted(content):
                    archive.writestr(f"handwriting/{name}", content[name])
                archive.writestr(f"handwriting/wheels/{MADE_FOR}", json.dumps(made_for()) + "\n")
                for path in fetched:
                    archive.write(path, f"handwriting/wheels/{path.name}", zipfile.ZIP_STORED)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return len(content), len(fetched)
