"""How the zygote waits for a child, ends it, and says how it ended."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import struct
import time
from typing import Any

REQUEST_BYTES = 65_536  # of a message on the socket
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_NOTIF = 0xC0502100, struct.Struct("=QIIiIQ6Q")
WAITED = b"waited?"  # the zygote's question; every other message of it is JSON
# The kernel counts a wait for a processor when it is over; while one lasts, the program gets so much more at a time.
SLICE_S = 0.02


def watch(
    child: int, pid_fd: int, control: socket.socket, reports: socket.socket, started: float, request: dict[str, Any]
) -> dict[str, Any]:
    """Wait for the child's end, and say which it is: exit, cpu, wall, call (a forbidden one) or parent (has gone).

    The time for which a crowded machine kept a child waiting for a processor is not the program's fault: it comes on
    top of the wall time, within bounds.
    """
    poll = select.poll()
    poll.register(pid_fd, select.POLLIN)
    poll.register(control, 0)  # hang-up only
    poll.register(reports, select.POLLIN)
    listener = -1
    deadline, last = started + request["wall_s"], started + request["max_wall_s"]
    try:
        while True:
            now, used_s = time.monotonic(), _used_s(child)
            if used_s >= request["cpu_s"]:
                return {"end": "cpu"}
            if now >= deadline:
                waited_s, waits = _waited(control)
                extended = max(started + request["wall_s"] + waited_s, now + SLICE_S * waits)
                if now >= (deadline := min(extended, last)):
                    return {"end": "wall"}
            # One thread can not use more processor time than passes.
            for descriptor, event in poll.poll(1000 * max(0.001, min(deadline - now, request["cpu_s"] - used_s))):
                if descriptor == pid_fd:
                    return {"end": "exit"}
                if descriptor == control.fileno():
                    return {"end": "parent"}
                if descriptor == reports.fileno():
                    listener = _sent(reports)
                    poll.register(listener, select.POLLIN)
                elif event & select.POLLIN and (call := _forbidden_call(listener)):
                    return {"end": "call"} | call
                else:
                    poll.unregister(listener)  # the child is about to end
    finally:
        for descriptor in (listener, _sent(reports)):
            if descriptor >= 0:
                os.close(descriptor)


def _waited(control: socket.socket) -> tuple[float, bool]:
    """For how long the child has waited for a processor, and whether it may be waiting now.

    The parent knows, for there is no /proc in a jail.
    """
    control.send(WAITED)
    waited_s, waits = json.loads(control.recv(REQUEST_BYTES))
    return waited_s, waits


def _sent(reports: socket.socket) -> int:
    """The descriptor that a child has sent and nobody took; -1: none."""
    try:
        _, (descriptor, *_), _, _ = socket.recv_fds(reports, 1, 1)
    except BlockingIOError:
        return -1
    return descriptor


def _used_s(child: int) -> float:
    """Processor time of a process that is not reaped yet; see MAKE_PROCESS_CPUCLOCK of <linux/posix-timers.h>."""
    return time.clock_gettime(~child << 3 | 2)


def _forbidden_call(listener: int) -> dict[str, Any] | None:
    """Number and arguments of the call that the child is held in; None if it was killed meanwhile."""
    notification = bytearray(SECCOMP_NOTIF.size)
    try:
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification)
    except OSError:
        return None
    _, _, _, number, _, _, *arguments = SECCOMP_NOTIF.unpack(notification)
    return {"call": number, "call_arguments": arguments}


def kill_orphans() -> None:
    """Kill whatever the program started, until nothing is left."""
    path = f"/proc/self/task/{os.getpid()}/children"
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        with open(path) as children:
            for pid in children.read().split():
                os.kill(int(pid), signal.SIGKILL)
