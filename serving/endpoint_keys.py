"""Keys to the endpoint: shown once when made, kept as hashes, each with its limits.

A key is 256 random bits, so a plain hash hides it: there is nothing to guess from. Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from sparring.core.errors import UsageError
from sparring.serving.endpoint_files import write_private

PREFIX = "sk-sparring-"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key at rest."""

    name: str
    sha256: str
    created: int
    requests_per_minute: int
    tokens_per_minute: int
    expires: int | None = None  # a rotated key works until then


class Keys:
    """The keys of one endpoint."""

    def __init__(self, keys: tuple[Key, ...] = ()) -> None:
        self._keys = keys
        self._by_hash = {key.sha256: key for key in keys}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and other._keys == self._keys

    def __hash__(self) -> int:
        return hash(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    @property
    def names(self) -> set[str]:
        return {key.name for key in self._keys}

    def find(self, secret: str, *, now: float) -> Key | None:
        """The key whose secret this is, unless it has expired."""
        digest = hash_of(secret)
        key = self._by_hash.get(digest)
        if key is None or not hmac.compare_digest(key.sha256, digest):
            return None
        return None if key.expires is not None and now >= key.expires else key

    def with_key(self, name: str, *, limits: Mapping[str, int]) -> tuple[Keys, str]:
        """The keys with a new one, and its secret, which is nowhere else.

        Raises:   UsageError: a name that is taken, or not one.
        """
        if not NAME.fullmatch(name):
            raise UsageError(f"key name {name!r}: expected lower-case letters, digits, '.', '_' and '-', such as alice")
        if name in self.names:
            raise UsageError(f"a key {name} exists already; `sparring serve keys rotate` replaces its secret")
        return self._added(name, limits)

    def rotated(self, name: str, *, grace_s: int) -> tuple[Keys, str]:
        """The keys with a new secret for ``name``; the old one works for ``grace_s`` more.

        Raises:   UsageError: no such key.
        """
        old = self._named(name)
        expires = int(time.time()) + grace_s
        left = tuple(
            replace(key, expires=expires) for key in self._keys if key.name == name and grace_s and key.expires is None
        )
        others = tuple(key for key in self._keys if key.name != name)
        limits = {"requests_per_minute": old.requests_per_minute, "tokens_per_minute": old.tokens_per_minute}
        return Keys((*others, *left))._added(name, limits)

    def without(self, name: str) -> Keys:
        """The keys without any of ``name``.

        Raises:   UsageError: no such key.
        """
        self._named(name)
        return Keys(tuple(key for key in self._keys if key.name != name))

    def save(self, path: Path) -> None:
        """Replace the file of keys; a running endpoint takes it up."""
        write_private(path, msgspec.json.encode(self._keys))

    def _added(self, name: str, limits: Mapping[str, int]) -> tuple[Keys, str]:
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(name=name, sha256=hash_of(secret), created=int(time.time()), **limits)
        return Keys((*self._keys, key)), secret

    def _named(self, name: str) -> Key:
        found = [key for key in self._keys if key.name == name]
        if not found:
            raise UsageError(f"there is no key {name}; there is: {', '.join(sorted(self.names)) or 'none'}")
        return found[-1]


def load_keys(path: Path) -> Keys:
    """The keys in a file; none if there is no such file.

    Raises:   UsageError: the file holds something else.
    """
    if not path.exists():
        return Keys()
    try:
        return Keys(msgspec.json.decode(path.read_bytes(), type=tuple[Key, ...]))
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}; delete it and make keys with `sparring serve keys add`") from error


def hash_of(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
