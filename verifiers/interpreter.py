"""Where the files are that a bare interpreter needs, and where a jail shows them.

    host                                     jail
    <prefix>/bin/python3.11                  /python/bin/python3.11
    <prefix>/lib/python3.11, no packages     /python/lib/python3.11
    every shared library that it loads       the same path

Nothing else of the host is in a jail.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PREFIX = "/python"
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
PACKAGES = ("site-packages", "dist-packages")
START_S = 60.0

# Says which shared libraries it has loaded, under the paths at which the loader looked for them: dl_iterate_phdr(3).
_LIBRARIES = """
import ctypes, importlib, json, sys
for name in sys.argv[1].split(): importlib.import_module(name)
class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
found = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
def see(info, size, data):
    found.append((info.contents.name or b"").decode())
    return 0
ctypes.CDLL(None).dl_iterate_phdr(see, None)
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file or directory, read-only in a jail."""

    source: str
    target: str


def executable() -> str:
    """The interpreter behind this environment, without the environment's packages."""
    return os.path.realpath(sys.executable)


def standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def inside(path: str | Path) -> str:
    """Where a jail shows ``path``: under its own prefix, if it belongs to the interpreter."""
    normal = os.path.normpath(path)
    prefix = os.path.realpath(sys.base_prefix)
    relative = os.path.relpath(normal, prefix)
    # Of a prefix such as /usr only these two are the interpreter's; its libraries stay where the loader looks.
    own = (executable(), str(standard_library()))
    belongs = normal in own or (prefix not in ("/", "/usr", "/usr/local") and not relative.startswith(".."))
    return os.path.join(PREFIX, relative) if belongs else normal


@functools.cache
def places(modules: str) -> tuple[Place, ...]:
    """Everything that a jail needs of the host to import ``modules`` (with spaces between)."""
    found = [(path, inside(path)) for path in (executable(), str(standard_library()))]
    for path in libraries(modules):
        # The interpreter looks for its own where it was built to, or beside itself.
        found += [(path, target) for target in dict.fromkeys((os.path.normpath(path), inside(path)))]
    return tuple(Place(source=os.path.realpath(path), target=target) for path, target in found)


@functools.cache
def libraries(modules: str) -> tuple[str, ...]:
    """Shared libraries outside the standard library that are loaded with ``modules``.

    Raises:   OSError, subprocess.SubprocessError: the interpreter does not start.
    """
    command = [executable(), "-s", "-P", "-S", "-B", "-c", _LIBRARIES, modules]
    seen = subprocess.run(command, env={}, cwd="/", capture_output=True, check=True, timeout=START_S).stdout
    library = str(standard_library())
    return tuple(path for path in json.loads(seen) if path.startswith("/") and not path.startswith(library))


def readable_entries() -> Iterator[str]:
    """What is directly in the standard library, without installed packages."""
    for entry in sorted(standard_library().iterdir()):
        if entry.name not in PACKAGES:
            yield str(entry)
