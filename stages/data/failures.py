"""Why a source of data failed, in a few words."""

import socket
import ssl
import subprocess
from collections.abc import Iterator

import requests
from urllib3.exceptions import IncompleteRead

CAUSES: dict[type[Exception] | tuple[type[Exception], ...], str] = {  # the first that is among an error's layers
    socket.gaierror: "no such host",
    ConnectionRefusedError: "refused",
    (TimeoutError, requests.Timeout): "timed out",
    ssl.SSLCertVerificationError: "certificate not trusted",
    ssl.SSLError: "no TLS",
    (ConnectionResetError, BrokenPipeError, IncompleteRead): "cut off",
}


LONGEST = 200  # characters; a library's own words may be any number


def phrase(error: Exception) -> str:
    """Why a source failed, in a few words: of a download what lies below the layers that report it."""
    words = _words(error)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _words(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{error.cmd[0]}: timed out"
    if not isinstance(error, requests.RequestException):
        named = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        return " ".join(named.split())
    layers = list(_layers(error, set()))
    words = (words for kinds, words in CAUSES.items() if any(isinstance(layer, kinds) for layer in layers))
    told = next(words, " ".join(str(layers[-1]).split()))
    return f"proxy: {told}" if any(isinstance(layer, requests.exceptions.ProxyError) for layer in layers) else told


def _layers(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """The exception and all that it came of: requests wraps urllib3's, which wrap the socket's."""
    below = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    seen.add(id(error))
    yield error
    for other in below:
        if isinstance(other, BaseException) and id(other) not in seen:
            yield from _layers(other, seen)
