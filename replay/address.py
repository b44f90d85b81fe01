"""Addresses of servers as people give them, without the password that may be in them, wherever it is."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from sparring.core.errors import UsageError

HIDDEN = "***"
# What is surely no part of a password: a host, a port in digits, a path.
HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?P<port>:[^/@]*)?(?P<path>/[^@]*)?")
NAME = re.compile(r"[\w.-]*")


def public(url: str) -> str:
    """``url`` for people to read: what is, or might be, part of a password is hidden, and so is every option."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        found = HOST.fullmatch(url)
        plain = found is not None and (found["port"] or ":0")[1:].isdigit()
        return url if plain or (url.startswith("/") and "?" not in url) else HIDDEN
    before = re.split(r"[?#]", rest, maxsplit=1)[0]
    options = "" if before == rest else f"?{HIDDEN}"
    if scheme == "unix" and "@" not in rest:
        return f"{scheme}://{before}{options}"
    if "@" in rest[len(before) :]:  # a password with a ? in it, or an option with an @: nobody can tell
        return f"{scheme}://{HIDDEN}"
    user, at, place = before.rpartition("@")
    found = HOST.fullmatch(place)
    if found is None:
        return f"{scheme}://{HIDDEN}"
    port = found["port"] or ""
    shown = found["host"] + (port if port[1:].isdigit() or not port else f":{HIDDEN}") + (found["path"] or "")
    return f"{scheme}://{_user(user) if at else ''}{at}{shown}{options}"


def redis_address(url: str) -> str:
    """``url`` as Redis's client takes it: a socket's path becomes an address.

    Raises:   UsageError: it can not be read as it was meant; the message holds nothing of a password.
    """
    if url.startswith("/"):
        return f"unix://{quote(url)}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Not its own words: they quote what was taken for a port.
        raise _unreadable(url, "its port is no number, or a bracket is not closed") from None
    option = re.match(r"\w+=", parts.query) is not None
    if "@" in parts.path + parts.fragment + ("" if option else parts.query) and parts.scheme != "unix":
        raise _unreadable(url, "what stands before its @ is read as a host and a path")
    return url


def _user(user: str) -> str:
    name, colon, _ = user.partition(":")
    return f"{name}:{HIDDEN}" if colon and NAME.fullmatch(name) else HIDDEN


def _unreadable(url: str, problem: str) -> UsageError:
    return UsageError(
        f"Redis address {public(url)!r}: {problem}; expected redis://host:port or unix:///path, and in a password % "
        "and two digits for each of / ? # @ : %, or the password in SPARRING_REDIS_PASSWORD"
    )
