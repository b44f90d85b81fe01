"""What there is to steal or change on the machine, and what a run may have left there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SETTLE_S = 3.0  # for processes that were killed to be gone
# Where a program may have put a file, seen from the host and from every process of the pool.
FOLDERS = ("", "tmp", "var/tmp", "dev", "dev/shm", "dev/mqueue", "run", "sys/fs/cgroup")


class Host:
    """Canaries: files, a variable, sockets. Whoever touches one is seen by ``touched``."""

    def __init__(self) -> None:
        self.prefix = f"canary-{secrets.token_hex(4)}-"
        self.secret = self.prefix + secrets.token_hex(16)
        self.expected = repr(f"expected-{self.prefix}{secrets.token_hex(8)}")
        self.earlier = f"EARLIER-{secrets.token_hex(4)}-"
        self.earlier_secret = self.earlier + secrets.token_hex(8)
        self.folder = Path(tempfile.mkdtemp(prefix="sparring-host-"))
        self.folder.chmod(0o755)
        self._shared = self.folder / "shared"
        self._shared.mkdir()
        self._shared.chmod(0o1777)
        self._write("secret.txt", self.secret, 0o644)
        self._write("secret.txt.py", f"secret = {self.secret!r}", 0o644)
        self._write("shared/canary.txt", "untouched", 0o666)
        self._variable = f"SPARRING_{self.prefix}"
        os.environ[self._variable] = self.secret
        self._sockets = self._listen()
        self._before = self._files()

    def _write(self, name: str, text: str, mode: int) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(mode)

    def _listen(self) -> list[socket.socket]:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o666)
        abstract.bind(f"\0{self.prefix}")
        for server in (tcp, unix, abstract):
            server.listen()
        for server in (tcp, udp, unix, abstract):
            server.setblocking(False)
        return [tcp, udp, unix, abstract]

    def targets(self, name: str, *, output_chars: int) -> dict[str, object]:
        """The argument of an attack: where things are, so that it need not search."""
        tcp, udp, *_ = self._sockets
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            free_port = free.getsockname()[1]
        return {
            "name": name,
            "key": int(name[-6:], 16),
            "prefix": self.prefix,
            "earlier": self.earlier,
            "secret_file": str(self.folder / "secret.txt"),
            "canary_dir": str(self._shared),
            "canary_file": str(self._shared / "canary.txt"),
            "unix_socket": str(self.folder / "socket"),
            "abstract_socket": self.prefix,
            "port": tcp.getsockname()[1],
            "udp_port": udp.getsockname()[1],
            "free_port": free_port,
            "host_pid": os.getpid(),
            "output_chars": output_chars,
        }

    def touched(self) -> list[str]:
        """What was changed or reached; empty as long as every defence held."""
        found = [f"file {name}" for name in self._before ^ self._files()]
        for number, server in enumerate(self._sockets):
            with contextlib.suppress(BlockingIOError):
                server.recv(1) if server.type == socket.SOCK_DGRAM else server.accept()[0].close()
                found.append(f"socket {number} was reached")
        if os.environ.get(self._variable) != self.secret:
            found.append("the environment variable")
        self._before = self._files()  # one attack's deed is told once
        return found

    def _files(self) -> set[tuple[object, ...]]:
        found = set()
        for path in self.folder.rglob("*"):
            seen = path.lstat()
            text = path.read_bytes() if path.is_file() else b""
            times = () if path.is_dir() else (seen.st_mtime_ns, seen.st_nlink)
            found.add((str(path.relative_to(self.folder)), seen.st_mode, text, *times))
        return found

    def close(self) -> None:
        for server in self._sockets:
            server.close()
        shutil.rmtree(self.folder)
        del os.environ[self._variable]


def adopt(yes: bool) -> None:
    """Whether processes that lose their parent become ours, where they are counted."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def descendants() -> list[int]:
    """Every living process below this one."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [os.getpid()]
    while todo:
        found += (below := parents.get(todo.pop(), []))
        todo += below
    return found


def left(name: str) -> list[str]:
    """Files, segments and control groups that bear ``name``, on the host and in every jail."""
    found = []
    for root in ("/", *(f"/proc/{pid}/root/" for pid in descendants())):
        for folder in FOLDERS:
            with contextlib.suppress(OSError):
                found += [f"{root}{folder}/{entry}" for entry in os.listdir(root + folder) if name in entry]
    found = found[:5]
    key = str(int(name[-6:], 16))
    for kind in ("shm", "sem", "msg"):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/sysvipc/{kind}").read_text().split("\n")[1:]
            found += [f"{kind} segment" for line in lines if line.split()[:1] == [key]]
    return found


def tidy(name: str) -> None:
    """Remove what an attack that succeeded has left on the host, for the sake of those after it."""
    for folder in FOLDERS:
        with contextlib.suppress(OSError):
            for path in Path("/", folder).glob(f"*{name}*"):
                with contextlib.suppress(OSError):
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    libc, key = ctypes.CDLL(None), int(name[-6:], 16)
    libc.shmctl(libc.shmget(key, 0, 0), 0, None)
    libc.semctl(libc.semget(key, 0, 0), 0, 0)
    libc.msgctl(libc.msgget(key, 0), 0, None)


def footprint() -> Counter[str]:
    """Processes, descriptors and mounts of this process and all below it: the same before a program and after it."""
    counted: Counter[str] = Counter()
    for pid in (os.getpid(), *descendants()):
        kind = "own" if pid == os.getpid() else "pool"
        with contextlib.suppress(OSError):
            counted[f"{kind} processes"] += 1
            counted[f"{kind} mounts"] += Path(f"/proc/{pid}/mountinfo").read_text().count("\n")
            # One of them is the listing itself, where it is our own.
            counted[f"{kind} descriptors"] += len(os.listdir(f"/proc/{pid}/fd"))
    return counted


def settled() -> Counter[str]:
    """The footprint once it has been the same for a while: a zygote tidies up after it has answered."""
    last, now, end = Counter[str](), footprint(), time.monotonic() + SETTLE_S
    while now != last and time.monotonic() < end:
        time.sleep(0.1)
        last, now = now, footprint()
    return now


def changed(before: Counter[str]) -> list[str]:
    """What the footprint has gained or lost, once killed processes had time to go."""
    end = time.monotonic() + SETTLE_S
    while (now := footprint()) != before and time.monotonic() < end:
        time.sleep(0.01)
    return [f"{key}: {before[key]}, then {now[key]}" for key in before.keys() | now.keys() if before[key] != now[key]]


def stalled_s() -> float | None:
    """Seconds so far in which something on this machine waited for a processor; None where Linux does not say."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("\n")[0].rpartition("total=")[2]) / 1e6
    except OSError:
        return None
