"""The web page through Flask's client: what it answers, what it refuses, and that one visitor cannot harm another."""

from __future__ import annotations

import errno
import io
import json
import re
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zipfile
import zlib
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from htr_utils.cli import main
from htr_utils.cli.serve import _addresses, _listen
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images, labels
from htr_utils.readings import Reading
from htr_utils.text.charset import Charset
from htr_utils.text.spelling import Correction
from htr_utils.trainer.material import material
from tests.helpers.web_fakes import (
    FakeFinder,
    FakeLine,
    FakeReader,
    bomb,
    page_of_lines,
    png,
    upload,
)

flask = pytest.importorskip("flask")
from htr_utils.web import downloads, texts, work  # noqa: E402
from htr_utils.web.app import HEADERS, create_app  # noqa: E402
from htr_utils.web.jobs import Job, Jobs, Limits, Refusal  # noqa: E402

LINE = np.full((40, 300), 240, np.uint8)
LINE[15:25, 20:280] = 30


def app_of(reader=None, finder=None, **limits):
    return create_app(reader or FakeReader(), Limits(**limits), finder or FakeFinder())


def send(client, content, name="page.png", **fields):
    return client.post("/api/jobs", data=upload(content, name, **fields))


def finish(client, answer, status=200):
    """The answer of a job when it is done or has failed."""
    assert answer.status_code == 202, answer.get_data(as_text=True)
    url = answer.get_json()["url"]
    for _ in range(1500):
        now = client.get(url)
        if now.status_code != 200 or now.get_json()["state"] == "done":
            assert now.status_code == status, now.get_data(as_text=True)
            return now.get_json() | {"url": url}
        time.sleep(0.01)
    raise AssertionError("never finished")


def refused(answer, status, *words):
    """Checks a refusal: its status, one plain line, and the headers of every answer."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    message = answer.get_json()["error"]
    assert "\n" not in message and "{" not in message and message.endswith((".", ")")), message
    for word in words:
        assert word in message, message
    assert all(answer.headers[name] == value for name, value in HEADERS.items())
    return message


@pytest.fixture(scope="module")
def page():
    grey, known = page_of_lines(5)
    return png(grey), known


@pytest.fixture(scope="module")
def client():
    return app_of().test_client()


# ---- what it does ----------------------------------------------------------------------------------------


def test_a_page_comes_back_as_lines_with_pictures_and_places(client, page):
    done = finish(client, send(client, page[0]))
    (only,) = done["pages"]
    assert not only["single"] and [line["number"] for line in only["lines"]] == [1, 2, 3, 4, 5]
    tops = [min(y for _, y in line["polygon"]) for line in only["lines"]]
    assert tops == sorted(tops) and max(tops) < only["height"]
    picture = client.get(only["picture"])
    assert picture.content_type == "image/jpeg" and picture.data[:2] == b"\xff\xd8"
    for line in only["lines"]:
        crop = cv2.imdecode(
            np.frombuffer(client.get(line["picture"]).data, np.uint8), cv2.IMREAD_UNCHANGED
        )
        assert crop.shape == (line["height"], line["width"])
        assert "".join(c for c, _, _ in line["characters"]) == line["text"]
        columns = [x for _, x, _ in line["characters"]]
        assert columns == sorted(columns) and columns[0] >= 0 and columns[-1] <= line["width"]
    first = only["lines"][0]
    assert first["text"] == "teh hous is here" and first["corrected"] != first["text"]
    for change in first["changes"]:
        assert first["text"][change["start"] : change["end"]] == change["before"]


def test_one_line_is_seen_as_one_and_can_be_insisted_on(client, page):
    assert finish(client, send(client, png(LINE)))["pages"][0]["single"]
    insisted = finish(client, send(client, page[0], kind="line"))["pages"][0]
    assert insisted["single"] and len(insisted["lines"]) == 1
    assert len(finish(client, send(client, page[0], kind="page"))["pages"][0]["lines"]) == 5
    refused(send(client, page[0], kind="poem"), 400, "auto, page or line")


def test_places_are_scaled_with_the_picture_of_a_large_line(client):
    large = cv2.resize(LINE, None, fx=10, fy=10)
    line = finish(client, send(client, png(large)))["pages"][0]["lines"][0]
    assert line["height"] == work.CROP_HEIGHT and line["width"] == round(
        3000 * work.CROP_HEIGHT / 400
    )
    step = line["width"] / (len(line["text"]) + 1)
    assert [x for _, x, _ in line["characters"]] == pytest.approx(
        [step * (i + 1) for i in range(len(line["text"]))], abs=0.2
    )


def test_several_pages_number_their_lines_through(page):
    client = app_of(finder=FakeFinder(pages=3)).test_client()
    done = finish(client, send(client, page[0]))
    assert [line["number"] for p in done["pages"] for line in p["lines"]] == list(range(1, 16))
    assert client.get(done["pages"][2]["picture"]).status_code == 200
    for wrong in ("pages/4.jpg", "pages/0.jpg", "lines/16.png", "lines/0.png"):
        refused(client.get(f"{done['url']}/{wrong}"), 404)


def test_a_bad_line_does_not_spoil_the_others(page):
    class Finder(FakeFinder):
        def find(self, grey, judge=None):
            found = super().find(grey)
            bad = type(found.lines[0])(np.zeros((4, 2)), (0, 0, 2, 2), np.zeros((2, 2), np.uint8))
            found.lines.insert(2, bad)
            return found

    client = app_of(finder=Finder()).test_client()
    lines = finish(client, send(client, page[0]))["pages"][0]["lines"]
    assert [bool(line["text"]) for line in lines] == [True, True, False, True, True, True]


def test_edited_lines_become_training_data_that_the_trainer_takes(client, page, tmp_path):
    done = finish(client, send(client, page[0], name="Monday's page.PNG"))
    edited = [*page[1][:2], "  with\ttabs and\n breaks ", "", "not right"]
    body = {"texts": edited, "right": [True, False, True, True, False]}
    answer = client.post(f"{done['url']}/download/training", json=body)
    assert (
        answer.headers["Content-Disposition"] == "attachment; filename=Monday-s-page-training.zip"
    )
    zipfile.ZipFile(io.BytesIO(answer.data)).extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("Monday-s-page-")
    lines = labels.read(folder)
    assert [(line.id, line.text) for line in lines] == [
        ("line-001", page[1][0]),
        ("line-003", "with tabs and breaks"),
    ]
    # Another page's lines go beside them, and the trainer takes both.
    shutil.copytree(folder, tmp_path / "second")
    assert [line.id for line in labels.read(tmp_path)] == [
        f"{name}/line-00{n}" for name in (folder.name, "second") for n in (1, 3)
    ]
    assert not iam.is_layout(tmp_path) and len(material(str(tmp_path), Charset()).train) == 3
    for line, number in zip(lines, (1, 3), strict=True):
        shown = client.get(f"{done['url']}/lines/{number}.png").data
        assert np.array_equal(
            images.load(line.path), cv2.imdecode(np.frombuffer(shown, np.uint8), 0)
        )
    none = client.post(
        f"{done['url']}/download/training", json={"texts": edited, "right": [False] * 5}
    )
    refused(none, 409, "marked as right")


def test_text_holds_the_edited_lines_page_by_page(page):
    client = app_of(finder=FakeFinder(pages=2)).test_client()
    url = finish(client, send(client, page[0]))["url"]
    answer = client.post(f"{url}/download/text", json={"texts": [*"abcdefghi", "ü"]})
    assert answer.get_data(as_text=True) == "a\nb\nc\nd\ne\n\nf\ng\nh\ni\nü\n"


def test_json_and_page_xml_hold_places_and_edits(client, page):
    done = finish(client, send(client, page[0], name="über/brief <1>.png"))
    read = [line["text"] for line in done["pages"][0]["lines"]]
    body = {"texts": ["edited & <new>", *read[1:]]}
    answer = client.post(f"{done['url']}/download/json", json=body)
    assert answer.headers["Content-Disposition"] == "attachment; filename=brief-1.json"
    (only,) = answer.get_json()["pages"]
    assert (only["image"], only["width"]) == ("brief <1>.png", done["pages"][0]["width"])
    first, second = only["lines"][:2]
    assert (
        first["text"] == "edited & <new>"
        and first["confidence"] is None
        and "corrected" not in first
    )
    assert (
        second["confidence"] > 0.9
        and second["corrected"] == done["pages"][0]["lines"][1]["corrected"]
    )
    assert [word["text"] for word in second["words"]] == read[1].split() and second["words"][0][
        "box"
    ]
    answer = client.post(f"{done['url']}/download/pagexml", json=body)
    assert answer.headers["Content-Disposition"] == "attachment; filename=brief-1.page.xml"
    root = ET.fromstring(answer.data)
    place = root.tag.partition("}")[0] + "}"
    rows = [row.findall(f"{place}TextEquiv")[-1][0].text for row in root.iter(f"{place}TextLine")]
    assert rows == body["texts"]


def test_page_xml_of_several_pages_is_an_archive(page):
    client = app_of(finder=FakeFinder(pages=2)).test_client()
    done = finish(client, send(client, page[0]))
    answer = client.post(f"{done['url']}/download/pagexml", json={"texts": ["a"] * 10})
    names = zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert answer.content_type == "application/zip" and names == [
        "page-1.page.xml",
        "page-2.page.xml",
    ]


def test_edits_are_checked(client, page):
    url = finish(client, send(client, page[0]))["url"]
    for body in (None, [], {}, {"texts": "abcde"}, {"texts": ["a"] * 4}, {"texts": [1] * 5}):
        refused(client.post(f"{url}/download/text", json=body), 400, "5 lines")
    refused(client.post(f"{url}/download/text", json={"texts": ["a"] * 5, "right": [1] * 5}), 400)
    refused(client.post(f"{url}/download/text", json={"texts": ["a" * 501, *"bcde"]}), 422, "500")
    refused(client.post(f"{url}/download/text", json={"texts": [*"abcd", "e\0"]}), 422, "line 5")
    refused(client.post(f"{url}/download/text", data=b"{"), 400)
    huge = {"data": b" " * 2_100_000, "content_type": "application/json"}
    refused(client.post(f"{url}/download/text", **huge), 413)
    refused(client.post(f"{url}/download/exe", json={"texts": ["a"] * 5}), 404, "training")


# ---- what it refuses -------------------------------------------------------------------------------------

DISGUISED = {
    "web page": b"<!doctype html><script>alert(1)</script>",
    "vector picture": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "zip": b"PK\x03\x04" + bytes(100),
    "program": b"\x7fELF" + bytes(100),
    "PostScript": b"%!PS-Adobe-3.0\n",
    "text": b"hello",
}


@pytest.mark.parametrize("content", DISGUISED.values(), ids=DISGUISED.keys())
def test_a_disguised_file_is_known_by_its_content(client, content):
    refused(send(client, content, name="page.png"), 415, "JPEG")


def test_mistakes_at_the_door(client, page):
    refused(client.post("/api/jobs"), 400, "file")
    refused(client.post("/api/jobs", data={"file": "text"}), 400, "file")
    refused(send(client, b""), 400, "empty")
    two = {"file": [(io.BytesIO(page[0]), "a.png"), (io.BytesIO(page[0]), "b.png")]}
    refused(client.post("/api/jobs", data=two), 400, "one at a time")
    refused(send(client, b"\0\0\0\x18ftypheic" + bytes(50), name="photo.jpg"), 415, "HEIC")
    refused(send(client, b"\x89PNG\r\n\x1a\n" + bytes(50)), 422, "damaged")
    refused(client.get("/nothing"), 404)
    refused(client.put("/api/jobs"), 405)
    refused(client.get("/api/jobs/guessed"), 404, "15 minutes")
    finish(client, send(client, page[0][: len(page[0]) // 2]), status=422)


@pytest.mark.parametrize("side", [7_000, 60_000, 2_000_000_000])
def test_a_bomb_is_refused_by_what_its_header_says(client, side):
    before = time.perf_counter()
    refused(send(client, bomb(side)), 413, "pixels")
    assert time.perf_counter() - before < 1


def test_limits_have_their_own_words(page):
    refused(send(app_of(bytes=10_000).test_client(), page[0]), 413, "MB")
    refused(send(app_of(bytes=10_000).test_client(), bytes(200_000)), 413, "MB")
    refused(send(app_of(pixels=100_000).test_client(), page[0]), 413, "pixels")
    for limits, finder, status, word in (
        ({"lines": 4}, None, 422, "5 lines, over 4"),
        ({"seconds": 0.0}, None, 422, "longer than"),
    ):
        client = app_of(finder=finder, **limits).test_client()
        assert word in finish(client, send(client, page[0]), status)["error"]
    many, sheet = io.BytesIO(), Image.fromarray(LINE)
    sheet.save(many, "TIFF", save_all=True, append_images=[sheet, sheet])
    client = app_of(pages=2).test_client()
    assert "at least 3 pages, over 2" in finish(client, send(client, many.getvalue()), 413)["error"]
    client = app_of().test_client()
    blank = png(np.full((300, 400), 240, np.uint8))
    assert "No line" in finish(client, send(client, blank), 422)["error"]
    assert refused(client.post(f"{finish(client, send(client, page[0]))['url']}/lines/1.png"), 405)


def pdf(count=1, picture=(10, 10)):
    """A PDF of so many pages, each filled by one grey picture of the given width and height."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(picture[0])) for _ in range(picture[1])) + packer.flush()
    size = b"/Width %d/Height %d/Length %d" % (*picture, len(data))
    kids = b" ".join(b"%d 0 R" % (5 + i) for i in range(count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Resources<</XObject<</I 4 0 R>>>>/Contents 3 0 R>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
        b"<</Length 26>>stream\n200 0 0 8 50 50 cm /I Do  \nendstream",
        b"<</Type/XObject/Subtype/Image/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode%s>>stream\n"
        % size
        + data
        + b"\nendstream",
        *[page] * count,
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (i, one) for i, one in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Size %d/Root 1 0 R>>\n%%%%EOF" % (len(objects) + 1)


def memory_of_drawing(content):
    """Peak memory in bytes of the process that draws a PDF's pages.

    Asked in a process with no other children: the peak that a process reports of its children is that of all.
    """
    code = (
        "import resource, sys\n"
        "from htr_utils.web import isolated, jobs\n"
        "try:\n"
        "    list(isolated.pdf_pages(sys.stdin.buffer.read(), jobs.Limits(), 60)[1])\n"
        "except jobs.Refusal:\n"
        "    pass\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=content, capture_output=True, check=True
    )
    return 1024 * int(done.stdout)


def test_pdf_pages_are_drawn_in_a_process_of_their_own():
    pytest.importorskip("pypdfium2")
    client = app_of(pages=3).test_client()
    done = finish(client, send(client, pdf(2), name="two.pdf"))
    assert [(page["width"], page["height"]) for page in done["pages"]] == [(834, 278)] * 2
    assert "4 pages, over 3" in finish(client, send(client, pdf(4)), 413)["error"]
    finish(client, send(client, b"%PDF-1.4\n%%EOF"), 422)
    bomb = pdf(1, (50_000, 40_000))  # 2 GB out of some megabytes
    finish(client, send(client, bomb), 422)
    if sys.platform == "linux":
        peak = memory_of_drawing(bomb) / 1e9
        assert peak < 1.8, f"{peak:.1f} GB"
    assert finish(client, send(client, pdf()))["state"] == "done"


def test_a_full_queue_says_when_to_come_back(page):
    client = app_of(FakeReader(pause=0.3), queue=2).test_client()
    answers = [send(client, page[0]) for _ in range(6)]
    late = [answer for answer in answers if answer.status_code != 202]
    assert 3 <= len(late) <= 4  # one may have left the queue for the worker
    for answer in late:
        refused(answer, 503, "Try again")
        assert 1 <= int(answer.headers["Retry-After"]) <= 120
    for answer in answers:
        if answer.status_code == 202:
            finish(client, answer)
    assert send(client, page[0]).status_code == 202
    small = app_of(FakeReader(pause=0.3), queue_bytes=10_000).test_client()
    refused(send(small, page[0]), 503)


def test_one_visitor_cannot_fill_the_queue(page):
    client = app_of(FakeReader(pause=0.2), per_client=2).test_client()
    greedy = {"REMOTE_ADDR": "192.168.0.7"}
    codes = [
        client.post("/api/jobs", data=upload(page[0]), environ_base=greedy).status_code
        for _ in range(4)
    ]
    assert codes == [202, 202, 429, 429]
    refused(client.post("/api/jobs", data=upload(page[0]), environ_base=greedy), 429, "2 pictures")
    other = client.post(
        "/api/jobs", data=upload(page[0]), environ_base={"REMOTE_ADDR": "192.168.0.8"}
    )
    assert other.status_code == 202
    assert all(send(client, page[0]).status_code == 202 for _ in range(3))  # this machine itself


def test_whatever_fails_inside_the_next_picture_is_read(page):
    class Reader(FakeReader):
        def read_iter(self, sources, **options):
            for reading in super().read_iter(sources, **options):
                if len(self.calls) == 1:
                    self.calls.append(0)
                    raise MemoryError("no more")
                yield reading

    client = app_of(Reader()).test_client()
    failed = finish(client, send(client, page[0]), 500)
    assert "no more" not in failed["error"]
    assert finish(client, send(client, page[0]))["state"] == "done"

    class Finder(FakeFinder):
        def each_page(self, source, most):
            raise HtrError("this file: is locked; unlock it")

    client = app_of(finder=Finder()).test_client()
    failed = finish(client, send(client, page[0]), 422)
    assert failed["error"] == "Is locked; unlock it."
    # It is kept for a while: neither with the frames that held the picture, nor with those of each request.
    job = client.application.extensions["htr_jobs"].get(failed["url"].rpartition("/")[2])
    assert job.error.__cause__ is None and job.error.__context__ is None
    lengths = []
    for path in (failed["url"], f"{failed['url']}/pages/1.jpg") * 3:
        refused(client.get(path), 422)
        lengths.append(len(list(traceback.walk_tb(job.error.__traceback__))))
    assert lengths[:2] == lengths[2:4] == lengths[4:]


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", *(start for start, _ in work._SIGNATURES), b"RIFF0000WEBP"]),
)
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_check_at_the_door(tail, start):
    try:
        assert work.check_file(start + tail, Limits()) in {name for _, name in work._SIGNATURES} | {
            "WEBP"
        }
    except Refusal as refusal:
        assert refusal.status in (400, 413, 415, 422)


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_a_name_is_only_ever_a_plain_word(name):
    made = downloads.safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?", made)


@pytest.mark.parametrize(
    "name, made",
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot"),
        ("/", "picture"),
        ("....", "reading"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie-x-1"),
        ("Brief an Jürgen.jpg", "Brief-an-Jurgen"),
    ],
)
def test_path_tricks_in_names(client, page, name, made):
    assert downloads.safe_name(name) == made
    url = finish(client, send(client, png(LINE), name=name.replace("\r\n", "")))["url"]
    answer = client.post(f"{url}/download/text", json={"texts": ["a"]})
    assert answer.headers["Content-Disposition"] == f"attachment; filename={made}.txt"


# ---- trust -----------------------------------------------------------------------------------------------


def test_every_answer_has_the_headers_and_no_cookie(client, page):
    done = finish(client, send(client, page[0]))
    paths = [
        "/",
        "/health",
        "/static/page.js",
        "/static/page.css",
        done["url"],
        done["pages"][0]["picture"],
        "/no",
    ]
    for path in paths:
        answer = client.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == ("no-cache" if "static" in path else "no-store")
    policy = HEADERS["Content-Security-Policy"]
    assert (
        "unsafe" not in policy
        and "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
    )


def test_no_debug_mode_and_no_secret(client):
    app = client.application
    assert not app.debug and not app.testing and app.secret_key is None


def test_requests_of_other_sites_are_refused(client, page):
    for headers in (
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        refused(client.post("/api/jobs", data=upload(page[0]), headers=headers), 403)
        assert client.delete("/api/jobs/x", headers=headers).status_code == 403
    refused(client.post("/api/jobs", data=upload(page[0]), headers={"Origin": "http://["}), 403)
    same = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/jobs", data=upload(page[0]), headers=same).status_code == 202


def test_a_foreign_name_for_this_server_is_refused(client):
    """Against DNS rebinding: another site's name that was pointed at this machine."""
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000"):
        refused(client.get("/", headers={"Host": host}), 421)
    for host in (
        "localhost:8000",
        "127.0.0.1:8000",
        "192.168.1.5",
        "[::1]:8000",
        socket.gethostname(),
    ):
        assert client.get("/", headers={"Host": host}).status_code == 200, host
    known = create_app(
        FakeReader(), Limits(), FakeFinder(), hosts=("Scanner.school",)
    ).test_client()
    assert known.get("/", headers={"Host": "scanner.school:80"}).status_code == 200


def test_odd_requests_are_named_for_what_they_are(client, page):
    """No traceback, and no wrong reason."""
    url = finish(client, send(client, page[0]))["url"]
    deep = "[" * 100_000 + "]" * 100_000
    refused(client.post(f"{url}/download/text", data=deep, content_type="application/json"), 400)
    parts = upload(page[0]) | {f"more{n}": "x" for n in range(20)}
    refused(client.post("/api/jobs", data=parts), 413, "more in it than one picture")
    assert client.get(url).status_code == 200, "nothing was forgotten"


def test_nothing_touches_the_disk(monkeypatch, page):
    def forbidden(*_, **__):
        raise AssertionError("a file is made")

    for name in (
        "TemporaryFile",
        "NamedTemporaryFile",
        "SpooledTemporaryFile",
        "mkstemp",
        "mkdtemp",
    ):
        monkeypatch.setattr(tempfile, name, forbidden)
    client = app_of().test_client()
    rng = np.random.default_rng(0)
    noisy = rng.integers(
        170, 255, (1200, 1200), dtype=np.uint8
    )  # 1.4 MB, over Werkzeug's own threshold
    noisy[500:540, 100:1100] = 20
    content = png(noisy)
    assert len(content) > 1_000_000
    done = finish(client, send(client, content))
    assert client.post(f"{done['url']}/download/text", json={"texts": ["a"]}).status_code == 200


def test_forgotten_is_forgotten(client, page):
    done = finish(client, send(client, page[0]))
    assert client.delete(done["url"]).status_code == 204
    for path in (done["url"], done["pages"][0]["picture"], done["pages"][0]["lines"][0]["picture"]):
        refused(client.get(path), 404)
    refused(client.post(f"{done['url']}/download/text", json={"texts": ["a"] * 5}), 404)


def test_health_has_figures(client):
    answer = client.get("/health")
    assert answer.status_code == 200 and answer.get_json()["state"] == "ok"
    assert {"waiting", "reading", "kept", "kept_bytes", "version"} <= answer.get_json().keys()


def test_many_at_once_each_get_their_own(page):
    """Sixteen threads with pictures of different widths; the reader is never inside two calls at a time."""

    class Reader(FakeReader):
        inside = 0

        def read_iter(self, sources, **options):
            self.inside += 1
            assert self.inside == 1
            readings = list(super().read_iter(sources, **options))
            time.sleep(0.005)
            self.inside -= 1
            return iter(readings)

    app, wrong = app_of(Reader()), []

    def visit(number):
        client, width = app.test_client(), 300 + 10 * number
        for _ in range(3):
            done = finish(
                client, send(client, png(cv2.resize(LINE, (width, 40))), name=f"n{number}.png")
            )
            if (done["pages"][0]["width"], done["name"]) != (width, f"n{number}.png"):
                wrong.append(number)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong


# ---- the queue, with a clock of its own ------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Sized:
    size = 100


def until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("never came true")


def test_results_expire_unless_looked_at():
    clock = Clock()
    jobs = Jobs(lambda job, say: Sized(), Limits(expire=100), clock)
    one, two = (jobs.submit(name, "auto", "", b"x") for name in "ab")
    until(lambda: one.state == two.state == "done")
    assert one.content == b""  # the file itself goes as soon as it is read
    clock.now += 90
    assert jobs.get(one.id) is one
    clock.now += 20
    assert jobs.get(one.id) is one
    with pytest.raises(Refusal, match="not here any more"):
        jobs.get(two.id)
    assert two.result is None and jobs.numbers()["kept"] == 1


@pytest.mark.parametrize("limits", [Limits(kept=3), Limits(kept_bytes=399)])
def test_the_oldest_give_way(limits):
    clock = Clock()
    jobs, made = Jobs(lambda job, say: Sized(), limits, clock), []
    for number in range(6):
        made.append(jobs.submit(str(number), "auto", "", b"x"))
        until(lambda: made[-1].state == "done")
        clock.now += 1
        if number == 4:
            jobs.get(made[2].id)  # looked at: younger than 3 now
            clock.now += 1
    assert [job.dropped for job in made] == [True, True, False, True, False, False]


def test_cancelled_and_abandoned_jobs_are_not_read():
    clock, gate, read = Clock(), threading.Event(), []

    def slowly(job: Job, say):
        read.append(job.name)
        gate.wait(10)
        say(step="reading")
        read.append(f"{job.name} done")
        return Sized()

    jobs = Jobs(slowly, Limits(leave=60), clock)
    running, cancelled, left, patient = (jobs.submit(name, "auto", "", b"x") for name in "rclp")
    until(lambda: read == ["r"])
    assert [jobs.ahead(job) for job in (cancelled, left, patient)] == [1, 2, 3]
    jobs.forget(running.id)
    jobs.forget(cancelled.id)
    clock.now += 50
    jobs.get(patient.id)
    clock.now += 20
    jobs.get(patient.id)
    gate.set()
    until(lambda: patient.state == "done")
    assert read == ["r", "p", "p done"] and left.dropped
    for gone, why in ((left, "for 60 s while it waited"), (cancelled, "not here any more")):
        with pytest.raises(Refusal, match=why):
            jobs.get(gone.id)


def test_a_hanging_picture_is_told_and_seen_in_health(page):
    clock, gate = Clock(), threading.Event()
    jobs = Jobs(lambda job, say: gate.wait(10) and Sized(), Limits(seconds=5), clock)
    job = jobs.submit("a", "auto", "", b"x")
    until(lambda: job.state == "working")
    assert not jobs.numbers()["stuck"]
    clock.now += 25
    assert jobs.numbers()["stuck"]
    assert jobs.get(job.id).error.status == 422
    with pytest.raises(Refusal, match="hangs"):
        jobs.submit("b", "auto", "", b"x")
    gate.set()
    until(lambda: not jobs.numbers()["stuck"])
    assert job.state == "failed" and job.result is None
    assert jobs.submit("c", "auto", "", b"x")


# ---- the page itself and its command ---------------------------------------------------------------------


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(client):
    html = client.get("/").get_data(as_text=True)
    script, style = (
        client.get(f"/static/{name}").get_data(as_text=True) for name in ("page.js", "page.css")
    )
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    assert "<style" not in html and not re.search(r"\s(style|on\w+)=", html)
    for text in (html, script, style):
        outside = set(re.findall(r"https?://[^\s\"'<>)]+", text))
        assert outside <= {"http://www.w3.org/2000/svg"}, outside
    assert "innerHTML" not in script and "eval(" not in script
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', html):
        assert client.get(path).status_code == 200, path


def test_every_control_has_a_name(client):
    html = client.get("/").get_data(as_text=True)
    ids = set(re.findall(r'\sid="([^"]+)"', html))
    assert len(ids) == len(re.findall(r'\sid="([^"]+)"', html))
    for name in ("for", "aria-labelledby", "aria-describedby"):
        assert set(re.findall(rf'{name}="([^"]+)"', html)) <= ids
    for field in re.findall(r"<input[^>]*>", html):
        named = re.search(r'id="([^"]+)"', field)
        assert "radio" in field or (named and f'for="{named.group(1)}"' in html), field
    assert 'lang="en"' in html and 'role="status"' in html and 'role="alert"' in html


def test_every_text_is_in_its_place_and_used(client):
    root = work.__file__.rsplit("work.py", 1)[0]
    sources = ""
    modules = ("app.py", "jobs.py", "work.py", "isolated.py", "downloads.py")
    for name in ("templates/page.html", "static/page.js", *modules):
        with open(root + name, encoding="utf-8") as file:  # noqa: PTH123
            sources += file.read()
    used = set(re.findall(r'\bt\.(\w+)|say\("(\w+)"|\? "(\w+)" : "(\w+)"', sources))
    names = {name for found in used for name in found if name}
    assert set(texts.PAGE) <= names, set(texts.PAGE) - names
    assert {
        name
        for found in re.findall(r'say\("(\w+)"|\{\{ t\.(\w+)', sources)
        for name in found
        if name
    } <= set(texts.PAGE)
    for key in texts.ERRORS:
        assert f'"{key}"' in sources, key
    for value in (*texts.PAGE.values(), *texts.ERRORS.values()):
        assert {name for _, name, _, _ in string.Formatter().parse(value) if name} <= set(
            re.findall(r"\w+", sources)
        )


def test_settings_reach_the_script(client):
    html = client.get("/").get_data(as_text=True)
    import html as entities

    data = json.loads(entities.unescape(re.search(r'data-settings="([^"]*)"', html).group(1)))
    assert data["texts"] == texts.PAGE and data["bytes"] == 25_000_000


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "--port", str(port)])
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert f"port {port} is in use" in result.output and f"--port {port + 1}" in result.output
    result = CliRunner().invoke(main, ["serve", "--host", "no such host"])
    assert result.exit_code == 1 and "no address of this machine" in result.output
    result = CliRunner().invoke(main, ["serve", "--model", "nonsense"])
    assert result.exit_code == 1 and "no model" in result.output


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_every_address_that_is_named_answers(host):
    try:
        listening = _listen(host, 0)
    except HtrError:
        pytest.skip("no IPv6 here")
    with listening:
        named = _addresses(host, listening.getsockname()[1])
        assert named
        for address in named:
            parts = urlsplit(address)
            with socket.create_connection((parts.hostname, parts.port), timeout=10):
                pass


def test_the_last_port_in_use_names_one_that_there_is(monkeypatch):
    def taken(*_, **__):
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "create_server", taken)
    result = CliRunner().invoke(main, ["serve", "--port", "65535"])
    assert result.exit_code == 1 and result.output.rstrip().endswith("htr serve --port 0")


@pytest.mark.parametrize("knows", [True, False], ids=["language model fits", "other characters"])
def test_lines_are_corrected_by_the_recognisers_own_gate_or_not_at_all(knows: bool) -> None:
    class Gated(FakeReader):
        def correct(self, reading: Reading) -> Correction:
            if not knows:
                raise HtrError("the language model has other characters")
            return Correction("by the gate", reading.text, ())

    grey = np.full((60, 300), 255, np.uint8)
    worker = work.Worker(Gated(), Limits(), finder=object())  # type: ignore[arg-type]
    (reading,) = worker.recognizer.read_iter([grey])
    line = worker._line(FakeLine(np.zeros((4, 2)), (0, 0, 300, 60), grey), reading)
    assert (line.text, line.correction.text) == (
        reading.text,
        "by the gate" if knows else reading.text,
    )


def test_closing_ends_the_reading_thread_and_what_waits() -> None:
    started = threading.Event()

    def slow(job: Job, say: Any) -> Any:
        started.set()
        time.sleep(0.3)
        say(step="read")
        raise AssertionError("a dropped job goes on")

    queue = Jobs(slow, Limits())
    first, second = (queue.submit("a.png", "auto", "me", b"x") for _ in range(2))
    assert started.wait(5)
    queue.close()
    assert queue._thread is not None and not queue._thread.is_alive()
    assert first.dropped and second.state == "waiting"
