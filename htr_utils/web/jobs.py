"""One queue, one worker, everything in memory: what keeps many readers of the page from each other's way.

A job is one uploaded file. One thread reads the jobs one after another, so that the model is never used by
two at once. Results are kept until they are forgotten: by request, after `Limits.expire` seconds without a
look at them, or when newer ones need the room.
"""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from htr_utils.web import texts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What the page takes. Bytes and pixels of one file, seconds of one job, and how much is held at once.

    queue, queue_bytes: jobs that wait, and the bytes of their files together. per_client: unfinished jobs of
    one address (this machine's own addresses are exempt: they are its owner or a proxy). kept, kept_bytes:
    finished results. expire: seconds after the last look at a result. leave: seconds after which a waiting
    job is dropped because nobody asks for it.
    """

    bytes: int = 25_000_000
    pixels: int = 40_000_000
    pages: int = 10
    lines: int = 400
    seconds: float = 120.0
    queue: int = 24
    queue_bytes: int = 200_000_000
    per_client: int = 4
    kept: int = 48
    kept_bytes: int = 256_000_000
    expire: float = 900.0
    leave: float = 60.0
    characters: int = 500


class Refusal(Exception):
    """Why a request or a job is not carried out: one line for the user, the HTTP status, seconds to wait."""

    def __init__(
        self, status: int, key: str, *, retry: int | None = None, **values: object
    ) -> None:
        super().__init__(texts.error(key, **values))
        self.status, self.key, self.retry = status, key, retry


@dataclass
class Job:
    """One uploaded file on its way. state: waiting, working, done or failed; progress: what the page shows."""

    id: str
    name: str
    kind: str
    client: str
    content: bytes
    touched: float
    state: str = "waiting"
    progress: dict[str, Any] = field(default_factory=lambda: {"step": "opening"})
    started: float = 0.0
    seconds: float = 0.0
    result: Any = None
    size: int = 0
    error: Refusal | None = None
    dropped: bool = False


Say = Callable[..., None]
Work = Callable[[Job, Say], Any]


class Jobs:
    """The queue. `work(job, say)` reads one file and returns its result, an object with `.size` in bytes.

    It calls `say(step=..., ...)` as often as it can: that moves the progress display, and stops the job with
    a Refusal when it was cancelled or its time is up.
    """

    def __init__(
        self, work: Work, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.work, self.limits, self.clock = work, limits, clock
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        # Ids of those that were dropped while they waited.
        self._left: deque[str] = deque(maxlen=1000)
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pace = 5.0  # seconds per job, a running guess for Retry-After

    def submit(self, name: str, kind: str, client: str, content: bytes, own: bool = True) -> Job:
        """Put a file at the end of the queue.

        Args:
            client: address that sent it. own: whether that is this machine itself.

        Raises:
            Refusal: 429 when this client has too many unfinished jobs, 503 when the queue is full or hangs.
        """
        with self._lock:
            self._sweep()
            if self._stuck():
                raise Refusal(503, "stuck", retry=120)
            limits, waiting = self.limits, list(self._waiting)
            unfinished = waiting + ([self._current] if self._current else [])
            if not own and sum(job.client == client for job in unfinished) >= limits.per_client:
                raise Refusal(429, "client", retry=self._wait_for(1), jobs=limits.per_client)
            held = sum(len(job.content) for job in waiting)
            if len(waiting) >= limits.queue or held + len(content) > limits.queue_bytes:
                wait = self._wait_for(1 + len(waiting) // 4)
                raise Refusal(503, "full", retry=wait, seconds=wait)
            job = Job(secrets.token_urlsafe(18), name, kind, client, content, self.clock())
            self._jobs[job.id] = job
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="htr-reader", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            self._lock.notify_all()
            return job

    def get(self, job_id: str) -> Job:
        """The job with this id, which counts as a look at it.

        Raises:
            Refusal: 404, there is none (any more).
        """
        with self._lock:
            self._sweep()
            job = self._jobs.get(job_id)
            if job is None and job_id in self._left:
                raise Refusal(404, "left", seconds=round(self.limits.leave))
            if job is None:
                raise Refusal(404, "gone", minutes=round(self.limits.expire / 60))
            job.touched = self.clock()
            return job

    def forget(self, job_id: str) -> None:
        """Drop a job and all that belongs to it; a running one stops at its next step."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None:
                self._drop(job)

    def ahead(self, job: Job) -> int:
        """How many jobs come before a waiting one, the running one included."""
        with self._lock:
            place = next((i for i, other in enumerate(self._waiting) if other is job), 0)
            return place + (self._current is not None)

    def numbers(self) -> dict[str, Any]:
        """For the health page: waiting and kept jobs, bytes held, whether the worker hangs."""
        with self._lock:
            self._sweep()
            kept = [job for job in self._jobs.values() if job.state == "done"]
            return {
                "waiting": len(self._waiting),
                "reading": int(self._current is not None),
                "kept": len(kept),
                "kept_bytes": sum(job.size for job in kept),
                "stuck": self._stuck(),
            }

    def _stuck(self) -> bool:
        late = 2 * self.limits.seconds + 10
        return self._current is not None and self.clock() - self._current.started > late

    def _wait_for(self, jobs: int) -> int:
        return max(1, min(120, round(self._pace * jobs)))

    def _drop(self, job: Job) -> None:
        job.dropped = True
        job.content, job.result = b"", None
        self._jobs.pop(job.id, None)
        if job in self._waiting:
            self._waiting.remove(job)

    def _sweep(self) -> None:
        """Forget what is old, what nobody waits for, and what is over the limits of memory."""
        now, limits = self.clock(), self.limits
        for job in list(self._jobs.values()):
            idle = now - job.touched
            if (
                idle > (limits.leave if job.state == "waiting" else limits.expire)
                and job is not self._current
            ):
                if job.state == "waiting":
                    self._left.append(job.id)
                self._drop(job)
        if self._stuck() and self._current is not None and self._current.error is None:
            self._current.state = "failed"
            self._current.error = Refusal(422, "time", seconds=round(limits.seconds))
        finished = [job for job in self._jobs.values() if job.state in ("done", "failed")]
        finished.sort(key=lambda job: job.touched)
        held = sum(job.size for job in finished)
        while finished and (len(finished) > limits.kept or held > limits.kept_bytes):
            oldest = finished.pop(0)
            held -= oldest.size
            self._drop(oldest)

    def close(self, timeout: float = 5.0) -> None:
        """Read nothing more, and wait so many seconds for what is under way.

        Called when the program ends: a thread that is inside OpenCV when Python goes would abort the process.
        """
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                job.dropped = True
            self._waiting.clear()
            self._lock.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting:
                    if self._closed:
                        return
                    self._lock.wait(timeout=30)
                    self._sweep()
                job = self._waiting.popleft()
                job.state, job.started = "working", self.clock()
                self._current = job
            result, error = self._carry_out(job)
            with self._lock:
                job.seconds = self.clock() - job.started
                job.content = b""
                self._current = None
                self._pace = 0.7 * self._pace + 0.3 * job.seconds
                if not job.dropped:
                    job.error = job.error or error
                    job.state = "failed" if job.error else "done"
                    if job.error is None:
                        job.result, job.size = result, int(result.size)
                    job.touched = self.clock()
                self._sweep()
            del result, job

    def _carry_out(self, job: Job) -> tuple[Any, Refusal | None]:
        def say(**progress: Any) -> None:
            if job.dropped:
                raise Refusal(404, "gone", minutes=round(self.limits.expire / 60))
            if self.clock() - job.started > self.limits.seconds:
                raise Refusal(422, "time", seconds=round(self.limits.seconds))
            job.progress = progress

        try:
            return self.work(job, say), None
        except Refusal as error:
            error.__cause__ = error.__context__ = None  # their frames would keep the picture
            return None, error.with_traceback(None)
        except Exception:  # whatever a picture does to the libraries, the next one must be read
            log.exception("a picture of %d bytes could not be read", len(job.content))
            return None, Refusal(500, "mistake")
