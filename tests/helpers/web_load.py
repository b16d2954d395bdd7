"""A load test of `htr serve` on the loopback: 16 clients at once, among them some that send nonsense.

    python -m tests.helpers.web_load [--clients 16] [--seconds 60] [--out docs/guide/web.md]

It starts the server itself, with the shipped model, on a free port of 127.0.0.1. Each client sends lines,
pages, bombs and disguised files, waits for the result, fetches pictures and downloads, and forgets. Printed:
requests, results, refusals for a full queue, times, memory. The exit status is 1 when a request fails in a
way that it should not, when two clients' results are mixed up, or when the server's memory keeps growing.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import platform
import random
import re
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from tests.helpers.web_fakes import bomb, page_of_lines, png

GROWTH = 300  # MB above the memory after the warm-up that the server may take


class Client(threading.Thread):
    """One visitor. `counts`, `times` (seconds from sending to the result) and `wrong` are its report."""

    def __init__(
        self, number: int, port: int, end: float, pictures: list[tuple[bytes, int]]
    ) -> None:
        super().__init__(name=f"client-{number}")
        self.port, self.end, self.pictures = port, end, pictures
        self.draw = random.Random(number)
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self.end and len(self.wrong) < 10:
            try:
                self.nonsense() if self.draw.random() < 0.15 else self.visit()
            except Exception as error:
                self.wrong.append(f"{self.name}: {type(error).__name__}: {error}")

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ):
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, body, {"Content-Type": kind} if body is not None else {}
            )
            answer = connection.getresponse()
            self.counts["requests"] += 1
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def send(self, content: bytes, name: str):
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self.ask("POST", "/api/jobs", body, f"multipart/form-data; boundary={mark}")

    def nonsense(self) -> None:
        content, expected = self.draw.choice(
            [(bomb(), 413), (b"<html>", 415), (b"\x89PNG\r\n\x1a\n" + bytes(99), 422), (b"", 400)]
        )
        status, _, body = self.send(content, "../../x.png")
        self.counts["refused as they should"] += status == expected
        if status != expected:
            self.wrong.append(f"nonsense: {status} instead of {expected}: {body[:200]!r}")

    def visit(self) -> None:
        content, lines = self.draw.choice(self.pictures)
        name = f"{self.name}-{self.draw.randrange(10**6)}"
        start = time.monotonic()
        while (sent := self.send(content, f"{name}.png"))[0] == 503:
            self.counts["told to come back"] += 1
            time.sleep(min(5, int(sent[1]["Retry-After"])))
            if time.monotonic() > self.end:
                return
        if sent[0] != 202:
            raise AssertionError(f"upload: {sent[0]} {sent[2][:200]!r}")
        url = json.loads(sent[2])["url"]
        while True:
            status, _, body = self.ask("GET", url)
            found = json.loads(body)
            if status != 200:
                raise AssertionError(f"job: {status} {found}")
            if found["state"] == "done":
                break
            time.sleep(0.1)
        self.times.append(time.monotonic() - start)
        self.counts["pictures read"] += 1
        every = [line for page in found["pages"] for line in page["lines"]]
        self.counts["lines read"] += len(every)
        if found["name"] != f"{name}.png" or (lines == 1 and len(every) != 1):
            raise AssertionError(
                f"another one's result: {found['name']} for {name}, {len(every)} lines"
            )
        for path in (found["pages"][0]["picture"], every[-1]["picture"]):
            status, _, picture = self.ask("GET", path)
            if status != 200 or picture[:2] not in (b"\xff\xd8", b"\x89P"):
                raise AssertionError(f"{path}: {status}")
        edits = {"texts": [f"{name} {i}" for i in range(len(every))], "right": [True] * len(every)}
        status, _, archive = self.ask(
            "POST", f"{url}/download/training", json.dumps(edits).encode()
        )
        if status != 200 or len(zipfile.ZipFile(io.BytesIO(archive)).namelist()) != len(every) + 1:
            raise AssertionError(f"training data: {status}")
        if self.draw.random() < 0.5:  # the others stay until they expire or give way
            self.ask("DELETE", url)


def memory(pid: int) -> float:
    """Resident megabytes of a process, 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000 if "VmRSS" in status else 0.0


def sample_pictures() -> list[tuple[bytes, int]]:
    """PNG bytes and number of lines (0: whatever is found): lines, small pages, one of 12 megapixels."""
    made = []
    for count in (1, 1, 1, 4):
        grey, _ = page_of_lines(count)
        made.append((png(grey[50:-50] if count == 1 else grey), 1 if count == 1 else 0))
    large = np.full((4000, 3000), 235, np.uint8)
    grey, _ = page_of_lines(8)
    large[500 : 500 + grey.shape[0], 500 : 500 + grey.shape[1]] = grey
    return [*made, (png(large), 0)]


HEAD = """# The web page under load

Made by `python -m tests.helpers.web_load --clients {clients} --seconds {seconds:.0f} --out {out}`
on {date}; do not edit.
{machine}, the server and its clients on the same machine, over the loopback.

Each client sends, in an order drawn from its number: single lines, pages of four and eight lines, a photo of
12 megapixels, and now and then a bomb, a disguised file or nothing at all. It waits for the result, fetches pictures,
downloads training data, and checks that every answer belongs to what it sent. A full queue answers 503 with the time to
wait: that is a refusal, not an error.

"""


def report(path: Path, told: list[str], clients: int, seconds: float) -> None:
    """Write the figures with where they come from."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()} on {platform.system()}"
    date = datetime.now(UTC).date()
    head = HEAD.format(
        clients=clients, seconds=seconds, out=path.as_posix(), date=date, machine=machine
    )
    path.write_text(head + "".join(f"- {line}\n" for line in told), encoding="utf-8")


def main() -> int:
    """Run it and print the report; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--out", default="", help="also write the report as Markdown into this file"
    )
    given = parser.parse_args()
    command = [sys.executable, "-m", "htr_utils.cli", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())
        if address is None:
            print("the server did not start")
            return 1
        port = urlsplit(address[0]).port or 0
        pictures = sample_pictures()
        before = memory(server.pid)
        for content, lines in pictures:  # every graph is traced, every size seen
            warm = Client(0, port, time.monotonic() + 600, [(content, lines)])
            warm.visit()
        warmed, peak = memory(server.pid), 0.0
        end = time.monotonic() + given.seconds
        clients = [Client(number, port, end, pictures) for number in range(1, given.clients + 1)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            peak = max(peak, memory(server.pid))
            time.sleep(0.2)
        final = memory(server.pid)
        health = json.loads(Client(0, port, end, []).ask("GET", "/health")[2])
    finally:
        server.terminate()
        server.wait(10)
    counts = sum((client.counts for client in clients), Counter())
    times = sorted(t for client in clients for t in client.times)
    wrong = [text for client in clients for text in client.wrong]
    told = [
        f"{given.clients} clients for {given.seconds:.0f} s: "
        + ", ".join(f"{n} {k}" for k, n in counts.items())
    ]
    if times:
        middle, late = times[len(times) // 2], times[int(0.95 * len(times))]
        told.append(
            f"from sending to the result: median {middle:.1f} s, 95 % {late:.1f} s, longest {times[-1]:.1f} s"
        )
    told.append(
        f"memory of the server: {before:.0f} MB at the start, {warmed:.0f} after the warm-up, "
        f"{peak:.0f} at most, {final:.0f} at the end (may grow by {GROWTH} after the warm-up)"
    )
    told += [f"health at the end: {health}", f"errors: {len(wrong)}"]
    print(*told, *wrong[:10], sep="\n")
    if given.out:
        report(Path(given.out), told, given.clients, given.seconds)
    grown = peak - warmed > GROWTH
    if grown:
        print(f"memory grew by more than {GROWTH} MB")
    return 1 if wrong or grown or not times else 0


if __name__ == "__main__":
    sys.exit(main())
