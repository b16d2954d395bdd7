"""The web page in a real browser: read, edit, download, mistakes, keyboard, dark mode, phone width.

Needs Playwright's Python package and a Chromium: `pip install playwright`, and Debian's `chromium`, or one
named by HTR_CHROMIUM, or the one that `playwright install chromium` fetches. Skipped with one line without.
"""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from htr_utils.lines import labels
from tests.helpers import browsing
from tests.helpers.web_fakes import FakeFinder, FakeReader, bomb, page_of_lines, png

pytest.importorskip("flask", reason="no Flask: pip install -e '.[web]'")
waitress = pytest.importorskip("waitress", reason="no waitress: pip install -e '.[web]'")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="no Playwright: pip install playwright"
)
from htr_utils.web import texts  # noqa: E402
from htr_utils.web.app import create_app  # noqa: E402
from htr_utils.web.jobs import Limits  # noqa: E402

PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser():
    yield from browsing.launched(playwright)


@pytest.fixture(scope="module")
def reader():
    return FakeReader()


@pytest.fixture(scope="module")
def address(reader):
    """The page behind waitress on a free port of the loopback."""
    app = create_app(reader, Limits(bytes=3_000_000), FakeFinder())
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    grey, known = page_of_lines(4)
    (folder / "page.png").write_bytes(png(grey))
    (folder / "line.png").write_bytes(
        png(np.pad(np.full((10, 260), 30, np.uint8), 20, constant_values=240))
    )
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "letter.jpg").write_text("no picture at all")
    (folder / "large.png").write_bytes(b"\x89PNG" + bytes(3_500_000))
    return folder, known


@pytest.fixture
def page(browser, address):
    """The page, freshly opened; the test fails on any error or warning in its console."""
    yield from _opened(browser, address, viewport={"width": 1200, "height": 800})


@pytest.fixture
def phone(browser, address):
    yield from _opened(
        browser, address, viewport=PHONE, is_mobile=True, has_touch=True, color_scheme="dark"
    )


def _opened(browser, address, **options):
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(30_000)
    said = []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    yield page
    context.close()
    # The browser itself reports each refused request; anything else is a mistake of the page.
    assert [text for text in said if "Failed to load resource" not in text] == []
    assert all(url.startswith((address, "blob:" + address)) for url in requests)


def read(page, path):
    page.set_input_files("#file", path)
    page.wait_for_selector("#result:visible")


def edit(page, number):
    return page.locator(f"#text-{number}")


def download(page, kind):
    with page.expect_download() as waiting:
        page.locator(f"[data-kind={kind}]").click()
    return waiting.value


def contrast(one, other):
    """Contrast ratio of two colours "rgb(r, g, b)" (WCAG 2.1, relative luminance)."""

    def luminance(colour):
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_read_edit_and_download(page, pictures, tmp_path):
    folder, known = pictures
    read(page, folder / "page.png")
    assert page.locator(".line").count() == page.locator(".overview polygon").count() == 4
    assert page.evaluate("document.activeElement.id") == "result-heading"
    first = page.locator("#line-1")
    assert first.locator(".text").first.inner_text() == "teh hous is here"
    assert first.locator(".text .doubtful").inner_text() == "t"
    assert first.locator(".text .unsure").inner_text() == "e"
    assert "was: hous" in first.locator("ins + .unseen").first.inner_text()
    for number, text in enumerate(known[:2], 1):
        edit(page, number).fill(text)
        edit(page, number).press("Enter")
    assert page.evaluate("document.activeElement.id") == "text-3"
    assert "2 lines are marked as right" in page.locator("#training-note").inner_text()
    saved = download(page, "training")
    assert saved.suggested_filename == "page-training.zip"
    zipfile.ZipFile(saved.path()).extractall(tmp_path)
    assert [line.text for line in labels.read(tmp_path)] == known[:2]
    text = download(page, "text")
    assert Path(text.path()).read_text(encoding="utf-8").splitlines() == [
        *known[:2],
        *["teh hous is here"] * 2,
    ]


def test_start_from_the_corrected_text_leaves_edited_lines_alone(page, pictures):
    read(page, pictures[0] / "page.png")
    edit(page, 2).fill("mine")
    page.get_by_label(texts.PAGE["use_corrected"]).check()
    without_notes = """e => { const copy = e.cloneNode(true);
        copy.querySelectorAll('.unseen').forEach(note => note.remove());
        return copy.textContent }"""
    corrected = page.locator("#line-1 .row").nth(1).locator(".text").evaluate(without_notes)
    assert edit(page, 1).input_value() == corrected != "teh hous is here"
    assert edit(page, 2).input_value() == "mine"
    page.get_by_label(texts.PAGE["use_read"], exact=True).check()
    assert edit(page, 1).input_value() == "teh hous is here"


def test_click_shows_where_each_letter_was_read(page, pictures):
    read(page, pictures[0] / "page.png")
    letters = page.locator("#line-2 .letters")
    assert not letters.is_visible()
    page.locator(".overview polygon").nth(1).click()
    assert letters.is_visible() and page.evaluate("document.activeElement.id") == "text-2"
    button = page.get_by_role("button", name="Show the letters of line 2")
    assert button.get_attribute("aria-expanded") == "true"
    shown = letters.locator("text").all_text_contents()
    assert "".join(shown) == "tehhousishere"
    columns = [float(text.get_attribute("x")) for text in letters.locator("text").all()]
    assert columns == sorted(columns) and columns[0] > 0
    assert "Least certain: “t” 50" in page.locator("#detail-2").inner_text().replace("\xa0", " ")
    button.press("Enter")
    assert not letters.is_visible() and button.get_attribute("aria-expanded") == "false"
    page.locator("#line-2 .strip").click()
    assert letters.is_visible()


def test_mistakes_are_told_and_the_way_stays_open(page, pictures):
    folder = pictures[0]
    for name, words in (
        ("bomb.png", "far too many pixels"),
        ("letter.jpg", "not a picture"),
        ("large.png", "over 3 MB"),
    ):
        page.set_input_files("#file", folder / name)
        alert = page.get_by_role("alert")
        playwright.expect(alert).to_contain_text(words)
        assert page.locator("#upload").is_visible() and not page.locator("#progress").is_visible()
    read(page, folder / "line.png")
    assert not page.get_by_role("alert").is_visible() and page.locator(".line").count() == 1
    assert page.locator(".overview").count() == 0


def test_a_file_that_is_too_large_leaves_what_is_there(page, pictures, reader):
    folder = pictures[0]
    alert = page.get_by_role("alert")
    reader.pause = 1.0
    try:
        page.set_input_files("#file", folder / "page.png")
        playwright.expect(page.locator("#step")).to_contain_text("0 of 4 lines")
        page.set_input_files("#file", folder / "large.png")
        playwright.expect(alert).to_contain_text("over 3 MB")
        page.wait_for_selector("#result:visible")
    finally:
        reader.pause = 0.0
    edit(page, 1).fill("precious")
    page.set_input_files(
        "#file", folder / "large.png"
    )  # nothing is lost by it, so nothing is asked
    playwright.expect(alert).to_contain_text("over 3 MB")
    assert Path(download(page, "text").path()).read_text(encoding="utf-8").startswith("precious\n")


def test_a_dead_server_is_told(page, pictures):
    page.route("**/api/jobs", lambda route: route.abort())
    page.set_input_files("#file", pictures[0] / "line.png")
    playwright.expect(page.get_by_role("alert")).to_contain_text("No answer")
    page.unroute("**/api/jobs")


def test_a_busy_server_is_asked_again(page, pictures):
    answers = iter([503, 429])

    def busy(route):
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={"error": "full"})

    page.route("**/api/jobs", busy)
    read(page, pictures[0] / "line.png")
    assert page.locator(".line").count() == 1
    page.unroute("**/api/jobs")


def test_progress_and_cancel(page, pictures, reader):
    reader.pause = 1.0
    try:
        page.set_input_files("#file", pictures[0] / "page.png")
        playwright.expect(page.locator("#step")).to_contain_text("0 of 4 lines")
        assert page.get_by_role("progressbar").is_visible()
        cancel = page.get_by_role("button", name=texts.PAGE["cancel"])
        assert cancel.evaluate("e => e === document.activeElement")
        cancel.press("Enter")
        playwright.expect(page.get_by_role("status")).to_have_text(texts.PAGE["cancelled"])
        assert page.locator("#upload").is_visible()
    finally:
        reader.pause = 0.0


def test_drop_and_paste(page, pictures):
    content = list((pictures[0] / "line.png").read_bytes())
    give = """([kind, content]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], 'x.png', {type: 'image/png'}));
        const event = kind === 'paste' ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true})
                                       : new DragEvent(kind, {dataTransfer: data, bubbles: true});
        document.querySelector('#drop').dispatchEvent(event);
    }"""
    page.evaluate(give, ["dragenter", content])
    assert page.locator("#drop-now").is_visible()
    page.evaluate(give, ["drop", content])
    page.wait_for_selector("#result:visible")
    assert not page.locator("#drop-now").is_visible()
    page.locator(".again").first.click()
    page.evaluate(give, ["paste", content])
    page.wait_for_selector("#result:visible")


def test_edits_are_not_lost_by_accident(page, pictures):
    read(page, pictures[0] / "page.png")
    edit(page, 1).fill("precious")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator(".again").first.click()
    assert asked == [texts.PAGE["unsaved"]] and edit(page, 1).input_value() == "precious"
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".again").first.click()
    assert page.locator("#upload").is_visible()


def test_what_the_model_cannot_learn_is_named(browser, pictures):
    reader = FakeReader()
    reader.charset = type("Charset", (), {"characters": "abcdefghijklmnopqrstuvwxyz "})
    app = create_app(reader, Limits(), FakeFinder())
    server = waitress.create_server(app, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    for page in _opened(browser, f"http://127.0.0.1:{server.effective_port}"):
        read(page, pictures[0] / "line.png")
        edit(page, 1).fill("ein gruß an zoë")
        assert "ß ë" in page.locator("#note-1").inner_text()
        edit(page, 1).fill("ein gruss")
        assert page.locator("#note-1").inner_text() == ""
    server.close()


def test_by_keyboard_alone(page, pictures):
    """Tab reaches every control in the order in which it is seen, and each shows that it has the focus."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    outline = "getComputedStyle(document.querySelector('label[for=file]')).outlineStyle"
    assert page.evaluate(outline) == "solid"
    read(page, pictures[0] / "page.png")
    seen = []
    for _ in range(4 * 3 + 8):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(() => { const e = document.activeElement, b = e.getBoundingClientRect();"
                " return [e.id || e.getAttribute('aria-label') || e.textContent.trim(),"
                " getComputedStyle(e).outlineStyle, b.top + scrollY] })()"
            )
        )
    assert all(style == "solid" for _, style, _ in seen), seen
    names = [name for name, _, _ in seen]
    assert names[0] == texts.PAGE["again"]
    for number in (1, 2, 3, 4):
        at = names.index(f"Show the letters of line {number}")
        assert names[at + 1 : at + 3] == [f"text-{number}", f"My text of line {number} is right"]
    tops = [top for name, _, top in seen if name.startswith("text-")]
    assert tops == sorted(tops)


def test_screen_readers_find_names_and_news(page, pictures):
    assert page.get_by_role("heading", level=1).count() == 1
    read(page, pictures[0] / "page.png")
    assert "Done: 4 lines" in page.get_by_role("status").inner_text()
    assert page.get_by_role("heading", name="Line 3").count() == 1
    assert page.get_by_role("textbox", name="Your text of line 3").count() == 1
    assert page.get_by_role("checkbox", name="My text of line 3 is right").count() == 1
    assert page.get_by_role("img", name="Picture of line 3").count() == 1
    assert page.get_by_role("radiogroup", name=texts.PAGE["start_from"]).count() == 1
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, svg[role=img], [role=region]')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim())).length"
    )
    assert nameless == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(browser, address, pictures, scheme):
    papers = set()
    for page in _opened(browser, address, color_scheme=scheme):
        read(page, pictures[0] / "page.png")
        pairs = page.evaluate(
            """() => { const over = (e) => { for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(', 0)')) return c } };
                return [...document.querySelectorAll(
                  'h1, header p, h4, .quiet, .text, .unsure, .doubtful, ins, button, textarea, .name, label')]
                  .filter(e => e.getClientRects().length && !e.closest('svg'))
                  .map(e => [e.className || e.tagName, getComputedStyle(e).color, over(e)]) }"""
        )
        assert len(pairs) > 40
        for name, ink, paper in pairs:
            assert contrast(ink, paper) >= 4.5, (name, ink, paper)
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        marks = [
            page.locator(f".legend .{kind}").evaluate(
                "e => getComputedStyle(e).textDecorationStyle"
            )
            for kind in ("unsure", "doubtful")
        ]
        assert marks == ["dotted", "double"]  # told apart without colour
    assert contrast(papers.pop(), "rgb(255, 255, 255)") < 1.2 if scheme == "light" else True


def test_a_phone_needs_no_sideways_scrolling(phone, pictures):
    assert phone.get_by_text(texts.PAGE["photograph"]).is_visible()
    assert phone.locator("#camera").get_attribute("capture") == "environment"
    for stage in ("start", "result"):
        if stage == "result":
            read(phone, pictures[0] / "page.png")
            phone.get_by_role("button", name="Show the letters of line 1").tap()
        wide = phone.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], stage
        small = phone.evaluate(
            "[...document.querySelectorAll('.button, button:not(.plain), textarea')].filter(e =>"
            " e.getClientRects().length && e.getBoundingClientRect().height < 40).length"
        )
        assert small == 0  # fingers
    strip = phone.locator("#line-1 .strip")
    assert (
        strip.evaluate("e => e.scrollWidth > e.clientWidth")
        and strip.get_attribute("tabindex") == "0"
    )
    phone.locator("#camera").set_input_files(pictures[0] / "line.png")
    playwright.expect(phone.locator(".line")).to_have_count(1)


def test_a_picture_looks_as_it_should(page, pictures):
    """The crop on the screen is the crop of the page: a blank or broken picture would be one grey."""
    read(page, pictures[0] / "page.png")
    page.wait_for_timeout(300)
    shot = cv2.imdecode(np.frombuffer(page.locator("#line-1 .strip").screenshot(), np.uint8), 0)
    assert (shot < 120).mean() > 0.01 and (shot > 200).mean() > 0.5
