"""`htr serve`: the web page."""

from __future__ import annotations

import errno
import logging
import socket

import click

from htr_utils import paths
from htr_utils.cli.common import MODEL
from htr_utils.errors import HtrError

THREADS = 8  # they only hand pictures over: one thread of the app does the reading
CONNECTIONS = 64


@click.command()
@click.option(
    "--host", default="127.0.0.1", help="0.0.0.0 lets the whole network in, a phone for instance"
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0: any that is free")
@MODEL
def serve(host: str, port: int, model: str) -> None:
    """Serve the web page that reads pictures of handwriting, until Ctrl-C.

    By default this machine alone can open it. Nothing is stored: pictures and texts stay in memory.
    """
    paths.model_file(model)
    try:
        import waitress

        from htr_utils.web.app import create_app
    except ImportError as error:
        raise HtrError(f"the web page needs {error.name}: pip install -e '.[web]'") from error
    from htr_utils.web.jobs import Limits

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is no news here
    # Before the model, which takes seconds: a port in use is known at once.
    listening = _listen(host, port)
    with listening:
        from htr_utils.recognizer import Recognizer

        limits = Limits()
        app = create_app(Recognizer.load(model), limits, hosts=(host,))
        # Bodies and answers stay in memory as well: waitress would put large ones into temporary files.
        server = waitress.create_server(
            app,
            sockets=[listening],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=30,
            max_request_body_size=limits.bytes + 2_000_000,
            inbuf_overflow=limits.bytes + 4_000_000,
            outbuf_overflow=limits.kept_bytes,
            ident="htr",
        )
        for address in _addresses(host, listening.getsockname()[1]):
            click.echo(f"The page is at {address}")
        if not _local(host):
            click.echo("Everybody in this network can open it. Stop it with Ctrl-C.")
        else:
            click.echo("Stop it with Ctrl-C.")
        server.run()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        HtrError: the port is in use or not allowed, or the host is no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            remedy = f"port {port} is in use; stop what uses it, or take another: htr serve --port {(port + 1) % 65536}"
        elif number in (errno.EACCES, errno.EPERM):
            remedy = f"port {port} may not be used here; take one over 1024: htr serve --port 8000"
        else:
            remedy = f"{host!r} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for the whole network"
        raise HtrError(remedy) from error


def _local(host: str) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")


def _addresses(host: str, port: int) -> list[str]:
    """What to type into a browser; for 0.0.0.0 and :: also this machine's address in its network."""
    if host not in ("0.0.0.0", "::"):
        return [f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"]
    six = host == "::"  # which answers to IPv6 alone
    hosts = ["[::1]" if six else "127.0.0.1"]
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks which address would be used.
            probe.connect(("2001:db8::1" if six else "192.0.2.1", 9))
            name = probe.getsockname()[0]
            hosts.append(f"[{name}]" if six else name)
        except OSError:
            pass  # no network
    return [f"http://{name}:{port}" for name in hosts]
