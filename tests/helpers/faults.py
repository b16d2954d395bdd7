"""What the tests of faults share: damage at random, and the table of counts that the slow run writes."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator

import pytest

from tests.helpers.chapters import ROOT

TABLE = ROOT / "docs" / "guide" / "faults.md"
HEAD = """# Faults survived

Each row is a test; the counts are those of its last slow run (`make test-all`), which writes this file. `make test`
runs a sample of each: of files with wounds a fiftieth.

| fault | tried | what held | date |
| --- | ---: | --- | --- |
"""


def record(request: pytest.FixtureRequest, fault: str, tried: int, held: str) -> None:
    """Put a row into the table, in place of the older one of that name; only in slow runs, and not for a sample."""
    if not request.config.getoption("--run-slow") or request.node.name.endswith("sample]"):
        return
    rows = {}
    if TABLE.is_file():
        for line in TABLE.read_text(encoding="utf-8").splitlines():
            if line.startswith("| ") and not line.startswith(("| fault", "| ---")):
                rows[line.split(" | ")[0].removeprefix("| ")] = line
    rows[fault] = f"| {fault} | {tried:,} | {held} | {datetime.date.today().isoformat()} |"
    TABLE.write_text(HEAD + "\n".join(rows[name] for name in sorted(rows)) + "\n", encoding="utf-8")


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The same file with one to three wounds: bits turned, bytes lost, repeated or foreign, or its end cut off."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not found:
            break
        # Half of the wounds hit the first or last 400 bytes, where the headers are.
        where = (
            rng.choice((0, len(found) - 400)) + rng.randrange(400) if rng.random() < 0.5 else None
        )
        at = rng.randrange(len(found)) if where is None else min(max(0, where), len(found) - 1)
        size = rng.choice((1, 1, 2, 4, 16, 200))
        kind = rng.randrange(6)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at : at + size] = rng.randbytes(len(found[at : at + size]))
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = found[at : at + size]
        elif kind == 4:
            found[at:at] = rng.choice(
                (b"\0", b"\n", b"\xff", b"#", b"|", b"\t", b" ", b"999999999", b"<!--")
            )
        else:
            del found[at:]
    return bytes(found)


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` wounded files, none of them the file itself."""
    rng = random.Random(seed)
    while count:
        one = mutated(data, rng)
        if one != data:
            count -= 1
            yield one


def share(slow: int) -> Callable[..., object]:
    """Run a test with a fiftieth of `slow` cases, and with all of them in the slow tier."""
    return pytest.mark.parametrize(
        "count",
        [max(2, slow // 50), pytest.param(slow, marks=pytest.mark.slow)],
        ids=["sample", "all"],
    )
