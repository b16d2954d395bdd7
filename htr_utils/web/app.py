"""The Flask app behind `htr serve`: one page, and a small interface that its script talks to.

    GET    /                                  the page
    POST   /api/jobs                          form field `file` (and `kind`): 202 with the job's address
    GET    /api/jobs/ID                       progress, then the lines; a failed job answers with its status
    DELETE /api/jobs/ID                       forget it
    GET    /api/jobs/ID/pages/P.jpg           the page, smaller;  .../lines/L.png  the picture of a line
    POST   /api/jobs/ID/download/KIND         text, json, pagexml or training, with the edited texts
    GET    /health                            200 or 503, and figures

Mistakes are answered as {"error": one line} with the right status. Who knows a job's id, which is random,
may see it: there are no accounts and no cookies. It listens to this machine alone unless told otherwise.
"""

from __future__ import annotations

import io
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import flask
from werkzeug.exceptions import HTTPException

from htr_utils import __version__, page_reading
from htr_utils.web import downloads, texts, work
from htr_utils.web.jobs import Jobs, Limits, Refusal

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FORM_EXTRA = 100_000  # bytes of a request beside the file itself
_EDITS = 2_000_000  # bytes of the edited texts


class _InMemory(flask.Request):
    """Uploads stay in memory: Werkzeug would put those over 500 kB into a temporary file."""

    def _get_file_stream(self, *_: Any, **__: Any) -> Any:
        return io.BytesIO()


def create_app(
    recognizer: work.Reader | None = None,
    limits: Limits | None = None,
    finder: work.Finder | None = None,
    hosts: tuple[str, ...] = (),
) -> flask.Flask:
    """The web page as a WSGI app.

    Args:
        recognizer: a `Recognizer`, loaded once for all; None loads the `course` model now.
        limits: what is taken and kept.
        finder: a stand-in for `htr_utils.pages`.
        hosts: names by which the page may be asked for, beside addresses in numbers and this machine's names.

    Raises:
        HtrError: the model cannot be loaded.
    """
    if recognizer is None:
        from htr_utils.recognizer import Recognizer

        recognizer = Recognizer.load("course")
    limits = limits or Limits()
    jobs = Jobs(work.Worker(recognizer, limits, finder), limits)
    app = flask.Flask(__name__)
    app.request_class = _InMemory
    app.config.update(
        MAX_CONTENT_LENGTH=limits.bytes + _FORM_EXTRA,
        MAX_FORM_MEMORY_SIZE=_FORM_EXTRA,
        MAX_FORM_PARTS=8,
    )
    app.extensions["htr_jobs"] = jobs
    names = {"localhost", *(name.lower() for name in (*hosts, socket.gethostname()))}
    names |= {f"{name}.local" for name in names}
    charset = getattr(getattr(recognizer, "charset", None), "characters", "")
    _guard(app, names)
    _mistakes(app, limits)
    _routes(app, jobs, limits, charset)
    return app


def _guard(app: flask.Flask, names: set[str]) -> None:
    """Refuse what other sites' pages send to this one, and set the security headers on every answer."""

    @app.before_request
    def check_origin() -> None:
        # An unknown name may be another site's that was pointed at this machine (DNS rebinding).
        host = _split(f"//{flask.request.host}").hostname or ""
        if host not in names and not _is_address(host):
            raise Refusal(421, "host")
        if flask.request.method in ("GET", "HEAD"):
            return
        origin = flask.request.headers.get("Origin")
        site = flask.request.headers.get("Sec-Fetch-Site", "same-origin")
        foreign = origin is not None and _split(origin).netloc != flask.request.host
        if foreign or site not in ("same-origin", "none"):
            raise Refusal(403, "origin")

    @app.after_request
    def add_headers(response: flask.Response) -> flask.Response:
        response.headers.update(HEADERS)
        # Nothing of a picture may stay in a browser's cache on disk.
        fixed = flask.request.path.startswith("/static/")
        response.headers["Cache-Control"] = "no-cache" if fixed else "no-store"
        return response


def _split(address: str) -> SplitResult:
    """The parts of an address, empty ones where it is none."""
    try:
        return urlsplit(address)
    except ValueError:  # [ without ]
        return urlsplit("")


def _sent() -> Any:
    """The JSON of a request; None where it is none, or nested deeper than anything that is sent here."""
    try:
        return flask.request.get_json(silent=True)
    except RecursionError:
        return None


def _mistakes(app: flask.Flask, limits: Limits) -> None:
    """Every mistake becomes {"error": one line}."""

    def answer(status: int, message: str, retry: int | None = None) -> ResponseReturnValue:
        headers = {} if retry is None else {"Retry-After": str(retry)}
        return flask.jsonify(error=message, status=status), status, headers

    @app.errorhandler(Refusal)
    def refused(error: Refusal) -> ResponseReturnValue:
        return answer(error.status, str(error), error.retry)

    @app.errorhandler(HTTPException)
    def known(error: HTTPException) -> ResponseReturnValue:
        code = error.code or 500
        large = "bytes" if flask.request.path == "/api/jobs" else "body"
        if (flask.request.content_length or 0) <= limits.bytes and large == "bytes":
            large = "parts"  # not its size: it has more parts than a picture and what it shows
        key = {404: "not_found", 405: "method", 413: large, 500: "mistake"}.get(code)
        megabytes = limits.bytes // 1_000_000
        return answer(code, texts.error(key, megabytes=megabytes) if key else error.name)


def _routes(app: flask.Flask, jobs: Jobs, limits: Limits, charset: str) -> None:
    million = 1_000_000
    shown = {"megabytes": limits.bytes // million, "megapixels": limits.pixels // million}
    shown["minutes"] = round(limits.expire / 60)
    settings = {"texts": texts.PAGE, "bytes": limits.bytes, "charset": charset}
    settings |= {"expire": limits.expire, "characters": limits.characters, "values": shown}

    @app.get("/")
    def page() -> str:
        return flask.render_template("page.html", t=texts.PAGE, shown=shown, settings=settings)

    @app.get("/health")
    def health() -> ResponseReturnValue:
        numbers = jobs.numbers()
        state = "stuck" if numbers["stuck"] else "ok"
        return {"state": state, "version": __version__, **numbers}, 503 if numbers["stuck"] else 200

    @app.post("/api/jobs")
    def submit() -> ResponseReturnValue:
        sent = flask.request.files.getlist("file")
        files = [file for file in sent if file.filename or file.content_length]
        if not files:
            raise Refusal(400, "no_file")
        if len(files) > 1:
            raise Refusal(400, "two_files")
        kind = flask.request.form.get("kind", "auto")
        if kind not in page_reading.KINDS:
            raise Refusal(400, "kind")
        content = files[0].read()
        work.check_file(content, limits)
        client = flask.request.remote_addr or ""
        name = downloads.file_name(files[0].filename or "")
        job = jobs.submit(name, kind, client, content, own=_is_loopback(client))
        place = flask.url_for("status", job_id=job.id)
        return {"id": job.id, "url": place}, 202, {"Location": place}

    @app.get("/api/jobs/<job_id>")
    def status(job_id: str) -> ResponseReturnValue:
        job = jobs.get(job_id)
        if job.error is not None:
            raise job.error.with_traceback(None)  # else each look at it would add to the one before
        if job.state == "waiting":
            return {"state": "waiting", "ahead": jobs.ahead(job)}
        result = job.result
        if result is None:
            return {"state": "working", **job.progress}
        pages = [_page_json(job.id, number, result) for number in range(1, len(result.pages) + 1)]
        return {"state": "done", "name": job.name, "seconds": round(job.seconds, 1), "pages": pages}

    @app.delete("/api/jobs/<job_id>")
    def forget(job_id: str) -> ResponseReturnValue:
        jobs.forget(job_id)
        return "", 204

    @app.get("/api/jobs/<job_id>/pages/<int:page>.jpg")
    def page_picture(job_id: str, page: int) -> ResponseReturnValue:
        return _picture(
            _finished(jobs, job_id), lambda result: result.pages[page - 1].picture, page, "jpeg"
        )

    @app.get("/api/jobs/<job_id>/lines/<int:line>.png")
    def line_picture(job_id: str, line: int) -> ResponseReturnValue:
        return _picture(
            _finished(jobs, job_id), lambda result: result.lines[line - 1].png, line, "png"
        )

    @app.post("/api/jobs/<job_id>/download/<kind>")
    def download(job_id: str, kind: str) -> ResponseReturnValue:
        if kind not in downloads.KINDS:
            raise Refusal(404, "no_download", kinds=", ".join(downloads.KINDS))
        flask.request.max_content_length = _EDITS
        result, name = _finished(jobs, job_id), jobs.get(job_id).name
        edits = downloads.check_edits(_sent(), result, limits.characters)
        download = downloads.make(kind, result, edits, downloads.safe_name(name))
        response = flask.Response(download.content, content_type=download.content_type)
        response.headers.set("Content-Disposition", "attachment", filename=download.name)
        return response


def _finished(jobs: Jobs, job_id: str) -> work.Result:
    job = jobs.get(job_id)
    result = job.result
    if result is None:
        raise (job.error or Refusal(409, "unfinished", retry=1)).with_traceback(None)
    return result  # type: ignore[no-any-return]


def _picture(
    result: work.Result, choose: Callable[[work.Result], bytes], number: int, kind: str
) -> ResponseReturnValue:
    try:
        if number < 1:
            raise IndexError
        return flask.Response(choose(result), content_type=f"image/{kind}")
    except IndexError:
        raise Refusal(404, "not_found") from None


def _page_json(job_id: str, number: int, result: work.Result) -> dict[str, Any]:
    page = result.pages[number - 1]
    before = sum(len(other.lines) for other in result.pages[: number - 1])
    return {
        "number": number,
        "width": page.read.width,
        "height": page.read.height,
        "single": page.single,
        "notes": list(page.read.notes),
        "picture": flask.url_for("page_picture", job_id=job_id, page=number),
        "lines": [_line_json(job_id, before + i, line) for i, line in enumerate(page.lines, 1)],
    }


def _line_json(job_id: str, number: int, line: work.WebLine) -> dict[str, Any]:
    return {
        "number": number,
        "polygon": [[round(float(x), 1), round(float(y), 1)] for x, y in line.polygon],
        "picture": flask.url_for("line_picture", job_id=job_id, line=number),
        "width": line.width,
        "height": line.height,
        "text": line.text,
        "confidence": round(line.confidence, 3),
        "characters": [[c, round(x, 1), round(sure, 3)] for c, x, sure in line.characters],
        "corrected": line.correction.text,
        "changes": [asdict(change) for change in line.correction.changes],
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    return _is_address(address) and ipaddress.ip_address(address.partition("%")[0]).is_loopback
