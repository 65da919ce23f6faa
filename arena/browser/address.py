"""The address of the page: whether it can be served there, its names, and the way to it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from arena.base.errors import InputError


def check_address(host: str, port: int | None) -> None:
    """Raise InputError for an address that cannot be served at."""
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        where = f"{host}, port {port}" if port else host
        reason = str(error.strerror).split(" (while", 1)[0]
        raise InputError(f"cannot serve at {where}: {reason}") from None


LOCAL = frozenset(["localhost", "127.0.0.1", "::1"])


def served_names(host: str) -> frozenset[str] | None:
    """Return the names by which a page that is served at a host is opened, None for any address."""
    if host in ("0.0.0.0", "::"):
        return None
    return LOCAL if host in LOCAL else LOCAL | {host.lower()}


@contextlib.contextmanager
def direct_connections(share: bool) -> Iterator[None]:
    """Hide the proxies of the environment, through which Gradio would ask its own server.

    A public link may need them, so with `share` only the own server is exempt. Raises InputError
    for a proxy that needs a missing package.
    """
    hidden = {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
    exempt = hidden.get("no_proxy") or hidden.get("NO_PROXY")
    for name in hidden if not share else ():
        del os.environ[name]
    os.environ["no_proxy"] = ",".join(filter(None, [exempt, "127.0.0.1,localhost,::1"]))
    try:
        yield
    except ImportError as error:
        if "socksio" not in str(error):
            raise
        raise InputError("ALL_PROXY: a SOCKS proxy needs: pip install socksio") from None
    finally:
        os.environ.pop("no_proxy")
        os.environ.update(hidden)
