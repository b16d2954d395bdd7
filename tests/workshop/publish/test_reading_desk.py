"""The first page of the site in a real browser: write, drop, correct, save, be refused, and read without a network."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from htr_utils.course.live import example
from htr_utils.lines import iam, labels
from tests.helpers.browsing import opened
from tests.helpers.chapters import ROOT
from workshop.publish import front, vendor

pytestmark = [pytest.mark.slow, pytest.mark.net]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
WAIT = 120_000  # milliseconds: other work may be going on
DROP = """([base64, name, type]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const options = { bubbles: true, cancelable: true, dataTransfer: data };
  document.getElementById("sheet").dispatchEvent(new DragEvent("drop", options));
}"""


def status(page, words: str) -> str:  # type: ignore[no-untyped-def]
    """Waits until the page says something, or complains; returns what."""
    page.wait_for_function(
        "(words) => document.getElementById('status').textContent.includes(words)"
        " || document.getElementById('error').textContent",
        arg=words,
        timeout=WAIT,
    )
    return page.locator("#error").text_content() or page.locator("#status").inner_text()


def write(page, word: str, row: int = 0) -> None:  # type: ignore[no-untyped-def]
    """Writes a word on a line of the sheet with the mouse; knows the letters of "hello"."""
    box = page.locator("#sheet").bounding_box()
    pitch = box["height"] / (3 if box["width"] < 500 else 2)
    scale = pitch / 170
    for stroke in example(word).strokes:
        places = [
            (box["x"] + scale * x, box["y"] + pitch * (row + 0.72) + scale * (y - 125))
            for x, y in stroke
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def drop(page, content: bytes, name: str, kind: str) -> None:  # type: ignore[no-untyped-def]
    page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


def texts(page) -> list[str]:  # type: ignore[no-untyped-def]
    return page.evaluate("[...document.querySelectorAll('.line textarea')].map((one) => one.value)")


def saved(page, button: str) -> bytes:  # type: ignore[no-untyped-def]
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path()).read_bytes()


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_strokes_are_read_corrected_and_saved(
    browser, served: str, tmp_path: Path, size, scheme: str
) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, f"{served}/index.html", viewport=size, color_scheme=scheme)
    page.wait_for_selector("#desk:not([hidden])")
    write(page, "hello")
    assert "Language model: English" in status(page, "Language model:")
    assert texts(page) == ["hello"] and "Read 1 line in" in page.locator("#status").inner_text()
    write(page, "hole", row=1)
    status(page, "Read 2 lines")
    status(page, "Language model:")
    assert texts(page) == ["hello", "hole"]
    assert page.locator(".letters text").all_text_contents() == list("hellohole")
    page.locator(".think summary").first.click()
    page.get_by_role("tab", name="Path to text").click()
    assert page.locator(".think dd").nth(2).inner_text() == "hello"
    page.locator(".think input").first.fill("0")
    assert page.locator(".think dd").nth(2).inner_text() == ""
    page.locator(".line textarea").nth(1).fill("whole")
    page.locator("#language").select_option("none")
    status(page, "Without a language model")
    assert texts(page) == ["hello", "whole"], "what was corrected stays"
    assert saved(page, "#save-text") == b"hello\nwhole\n"
    told = json.loads(saved(page, "#save-json"))["lines"]
    assert [one["text"] for one in told] == ["hello", "whole"] and told[1]["read"] == "hole"
    assert 0.5 < told[0]["confidence"] <= 1 and len(told[0]["characters"]) == 5
    with zipfile.ZipFile(io.BytesIO(saved(page, "#save-training"))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    lines = list(labels.read(tmp_path))
    assert [line.text for line in lines] == ["hello", "whole"]
    assert min(lines[0].image().shape) > 30
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    check_axe(page)
    page.locator("#undo").click()
    page.locator("#clear").click()
    assert page.locator("#result").is_hidden() and page.locator("#undo").is_disabled()
    assert said == []
    page.context.close()


@pytest.mark.parametrize(
    ("size", "scheme", "motion"),
    [(DESKTOP, "light", "no-preference"), (PHONE, "dark", "reduce")],
    ids=["desktop", "phone"],
)
def test_views_show_how_a_line_came_to_its_text(
    browser, served: str, size, scheme: str, motion: str
) -> None:  # type: ignore[no-untyped-def]
    """From a chapter to the beam of a line of ours; the other views by keyboard; then the same of an own line."""
    page, said = opened(
        browser,
        f"{served}/09_decoding.html",
        viewport=size,
        color_scheme=scheme,
        reduced_motion=motion,
    )
    page.set_default_timeout(WAIT)
    page.get_by_role("link", name="the beam growing and merging").click()
    rows = page.locator(".beam tbody tr")
    rows.first.wait_for()
    assert "This is a line of ours" in page.locator("#notes").inner_text()
    text = texts(page)[0]
    assert f"reads “{text}”" in page.locator(".view").inner_text()
    assert rows.count() == 8 and page.locator(".beam tr.merged").count() > 0
    slider, here = page.locator(".view input"), page.locator(".view .here")
    before = here.inner_text()
    page.get_by_role("button", name="Next").click()
    assert here.inner_text() != before
    page.get_by_role("button", name="Back").click()
    assert here.inner_text() == slider.get_attribute("aria-valuetext") == before
    page.get_by_role("button", name="Without").click()
    page.wait_for_function("document.querySelectorAll('.beam thead th').length === 6")
    assert page.get_by_role("button", name="Play").count() == (motion != "reduce")

    tab = page.get_by_role("tab", name="Beam")
    assert tab.get_attribute("aria-selected") == "true"
    tab.press("ArrowRight")
    page.locator(".view h3").first.wait_for()
    assert "became" in page.locator(".view h3").first.inner_text()
    assert "times as likely as" in page.locator(".view section p").first.inner_text()
    assert page.locator(".view section").first.locator("tr").count() == 6
    check_axe(page)
    page.get_by_role("tab", name="Language").press("ArrowRight")
    page.locator(".view figure").nth(6).wait_for()
    maps = page.locator(".view .maps canvas")
    assert maps.count() == 21 and "Layer 1, map " in maps.first.get_attribute("aria-label")
    assert page.evaluate("""[...document.querySelectorAll('.maps canvas')].every((one) => new Set(
        new Uint32Array(one.getContext('2d').getImageData(0, 0, one.width, one.height).data.buffer)).size > 20)""")
    page.get_by_role("tab", name="Layers").press("ArrowRight")
    page.locator(".classes li").nth(4).wait_for()
    slider.press("Home")
    assert here.inner_text().startswith("Frame 1 of ")
    film = page.locator(".view .film.touch").bounding_box()
    page.mouse.move(film["x"] + 0.9 * min(film["width"], 300), film["y"] + 20)
    assert not here.inner_text().startswith("Frame 1 of ")
    page.get_by_role("tab", name="Frames").press("ArrowRight")
    parts = page.locator(".view dd")
    parts.nth(3).wait_for()
    assert parts.nth(3).inner_text() == text
    slider.press("ArrowLeft")
    parts.nth(3).wait_for(state="detached")
    slider.press("Home")
    assert here.inner_text() == "Before the first frame: nothing is written."
    if motion != "reduce":
        page.get_by_role("button", name="Play").click()
        parts.nth(3).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    check_axe(page)

    page.locator("#sheet").scroll_into_view_if_needed()
    write(page, "hello")
    page.wait_for_function(
        "(document.querySelectorAll('.view dd')[3] || {}).textContent === 'hello'"
    )
    assert "of ours" not in page.locator("#notes").inner_text() and said == []
    page.context.close()


def check_axe(page) -> None:  # type: ignore[no-untyped-def]
    page.evaluate((vendor.package("axe-core") / "axe.min.js").read_text(encoding="utf-8"))
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']}"
    found = page.evaluate(f"axe.run(document, {rules})")["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_a_dropped_page_is_read(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, f"{served}/index.html", viewport=DESKTOP)
    page.wait_for_selector("#desk:not([hidden])")
    drop(page, front.page_of(ROOT / "data", front.FORM), "page.png", "image/png")
    assert "Language model: English" in status(page, "Language model:")
    read = texts(page)
    true = [
        line.text for line in iam.read(ROOT / "data").lines.values() if line.form_id == front.FORM
    ]
    assert len(read) == len(true) == page.locator(".overview polygon").count()
    edits = sum(
        Levenshtein.distance(a.replace(" ", ""), b.replace(" ", ""))
        for a, b in zip(read, true, strict=True)
    )
    assert edits < 0.1 * len("".join(true)), (read, true)
    page.locator(".overview polygon").nth(2).dispatch_event("click")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Text of line 3"
    page.locator("#try-line").click()
    status(page, "Read 1 line")
    status(page, "Language model:")
    wanted = "Bring 2 umbrellas, the better kettle & some jam."
    assert len(texts(page)) == 1 and Levenshtein.distance(texts(page)[0], wanted) <= 3
    assert said == []
    page.context.close()


@pytest.mark.parametrize("clipboard", [True, False], ids=["copies", "may not copy"])
def test_a_photo_takes_the_place_of_what_was_written(browser, served: str, clipboard: bool) -> None:  # type: ignore[no-untyped-def]
    """Else "Clear" threw its reading away. On a phone the reading comes into view, and so does "Copied"."""
    denied = "navigator.clipboard.writeText = () => Promise.reject(new Error('no'))"
    page, said = opened(
        browser,
        f"{served}/index.html",
        script="" if clipboard else denied,
        viewport=PHONE,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.wait_for_selector("#desk:not([hidden])")
    write(page, "hello")
    status(page, "Language model:")
    assert page.locator("#clear").is_enabled() and page.locator("#here").is_hidden()
    page.locator("#try-line").click()
    page.wait_for_function(
        "(document.querySelector('textarea') || {value: ''}).value.startsWith('Bring')"
    )
    status(page, "Language model:")
    assert page.locator("#undo").is_disabled() and page.locator("#clear").is_disabled()
    assert page.locator("#here").is_visible()
    page.wait_for_function(
        "document.getElementById('lines').getBoundingClientRect().top < innerHeight / 2"
    )
    page.locator(".line textarea").fill("Bring two umbrellas.")
    page.locator("#copy").click()
    told = "Copied" if clipboard else "Not copied: take the text file"
    page.wait_for_function("(t) => document.getElementById('copy').textContent === t", arg=told)
    if clipboard:
        assert page.evaluate("navigator.clipboard.readText()") == "Bring two umbrellas."
    page.wait_for_function("document.getElementById('copy').textContent === 'Copy the text'")
    page.locator("#language").select_option("none")
    assert status(page, "Without a language model").startswith("Without")
    assert "it changed" not in page.locator("#status").inner_text()
    assert "é becomes e" in page.locator("#result").inner_text() and said == []
    page.context.close()


def test_bad_files_get_one_sentence(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, f"{served}/index.html", viewport=DESKTOP)
    page.wait_for_selector("#desk:not([hidden])")
    status(page, "Ready")
    drop(page, b"Dear Anna, ...", "letter.txt", "text/plain")
    wanted = (
        "“letter.txt” is no picture that this browser can open; choose a JPEG, PNG or WebP file."
    )
    assert status(page, "nothing") == wanted
    sheet = np.full((5200, 8000), 250, np.uint8)
    word = cv2.imread(str(ROOT / "data" / "samples" / "sample-5.png"), cv2.IMREAD_GRAYSCALE)
    word = cv2.resize(word, (4200, round(4200 * word.shape[0] / word.shape[1])))
    for row in (600, 1700, 2800):
        sheet[row : row + word.shape[0], 600:4800] = word
    drop(page, cv2.imencode(".png", sheet)[1].tobytes(), "large.png", "image/png")
    status(page, "Language model")
    notes = page.locator("#notes").inner_text()
    assert "The photo has 42 megapixels; it was scaled down to 3000 × 1950 pixels." in notes
    assert len(texts(page)) == 3 and all("later" in text for text in texts(page))
    assert page.locator("#error").is_hidden() and said == []
    page.context.close()


def test_a_browser_without_webassembly_is_told(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, f"{served}/index.html", script="delete window.WebAssembly")
    page.wait_for_selector("#desk:not([hidden])")
    told = status(page, "Ready")
    assert told.startswith("This browser runs no WebAssembly") and told.count(".") == 1
    assert said == []
    page.context.close()


def test_a_broken_model_is_told(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(
        browser,
        f"{served}/index.html",
        prepare=lambda page: page.context.route(
            "**/course.onnx", lambda route: route.fulfill(body=b"no model" * 4000)
        ),
        service_workers="block",
    )
    page.wait_for_selector("#desk:not([hidden])")
    told = status(page, "Ready")
    assert "course.onnx" in told and "build the site anew" in told and "\n" not in told
    assert said == []
    page.context.close()


def test_a_line_needs_no_finder_and_a_page_tells_what_is_wrong_with_it(
    browser, served: str
) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(
        browser,
        f"{served}/index.html",
        prepare=lambda page: page.context.route(
            "**/finder.onnx", lambda route: route.fulfill(body=b"no finder" * 4000)
        ),
        viewport=DESKTOP,
        service_workers="block",
    )
    page.wait_for_selector("#desk:not([hidden])")
    write(page, "hello")
    status(page, "Language model:")
    assert texts(page) == ["hello"]
    drop(page, front.page_of(ROOT / "data", front.FORM), "page.png", "image/png")
    assert "finder.onnx is damaged" in status(page, "nothing")
    assert [one for one in said if "blocked by Playwright" not in one] == []
    page.context.close()


def test_without_scripts_there_is_a_sentence_and_the_course(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, _ = opened(browser, f"{served}/index.html", java_script_enabled=False)
    assert page.get_by_text(
        "Reading here needs JavaScript. The course below needs none."
    ).is_visible()
    assert page.locator("#desk").is_hidden() and page.locator(".tiles li").count() >= 13
    assert page.get_by_role("navigation", name="Chapters").is_visible()
    page.context.close()


def test_from_a_folder_the_page_says_what_reading_needs(browser, built: Path) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, built / "index.html")
    assert "python -m http.server" in page.locator("#no-server").inner_text() and said == []
    page.context.close()


def test_it_reads_without_a_network_after_the_first_visit(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(browser, f"{served}/index.html", viewport=DESKTOP)
    page.wait_for_selector("#desk:not([hidden])")
    write(page, "hello")
    status(page, "Language model:")
    page.wait_for_function("navigator.serviceWorker.controller", timeout=WAIT)
    page.reload()  # what the first visit fetched before the worker stood, it fetches now
    write(page, "hello")
    status(page, "Language model:")
    page.context.set_offline(True)
    page.reload()
    page.wait_for_selector("#desk:not([hidden])")
    write(page, "hello")
    status(page, "Language model:")
    assert texts(page) == ["hello"]
    page.goto(f"{served}/07_ctc_loss.html")
    assert page.locator("h1").is_visible() and said == []
    page.context.close()


def test_a_chapter_has_room_copies_and_explains(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    page, said = opened(
        browser,
        f"{served}/07_ctc_loss.html",
        viewport=DESKTOP,
        permissions=["clipboard-read", "clipboard-write"],
    )
    cut = page.evaluate(
        "[...document.querySelectorAll('.input .highlight pre')]"
        ".filter((pre) => pre.scrollWidth > pre.clientWidth && pre.textContent.split('\\n')"
        ".every((row) => row.length <= 100)).length"
    )
    assert cut == 0, "100 characters fit at 1,280 pixels"
    first = page.locator(".input .highlight").first
    first.hover()
    first.get_by_role("button", name="Copy this code").click()
    page.wait_for_function(
        "document.querySelector('.input .highlight .copy').textContent === 'Copied'"
    )
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(".input .highlight pre").first.inner_text().rstrip()
    word = page.locator("a.word").first
    word.scroll_into_view_if_needed()
    word.hover()
    assert len(page.get_by_role("tooltip").inner_text()) > 20
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden() and said == []
    page.context.close()
