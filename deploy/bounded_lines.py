"""A JSONL file that never grows past a bound: when it would, every second line goes.

What was written long ago is thinned more often than what is new, so that a file of any age still shows the whole run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


class BoundedLines:
    """Appends lines to a file of at most about ``max_bytes``."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes

    def append(self, lines: Sequence[bytes]) -> None:
        """Write ``lines``, each without its end."""
        if not lines:
            return
        with self._path.open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
            size = file.tell()
        while size > self._max_bytes:
            smaller = self._thin()
            if smaller == size:  # a single line that is longer than the bound
                break
            size = smaller

    def _thin(self) -> int:
        """Leave every second line, the newest among them; whole or not at all, since a page may be reading."""
        lines = self._path.read_bytes().splitlines(keepends=True)
        draft = self._path.with_suffix(".part")
        draft.write_bytes(b"".join(lines[::-1][::2][::-1]))
        os.replace(draft, self._path)
        return self._path.stat().st_size
