"""How the zygote waits for a child, ends it, and says how it ended."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import time

from sparring.verifiers.inside.confinement import Confinement
from sparring.verifiers.inside.wire import (
    BY_ITSELF,
    CALL,
    CPU,
    MESSAGE_BYTES,
    NO_ARGUMENTS,
    WAITED,
    WAITS,
    WALL,
    Request,
)

SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_NOTIF = 0xC0502100, struct.Struct("=QIIiIQ6Q")
# The kernel counts a wait for a processor when it is over; while one lasts, the program gets so much more at a time.
SLICE_S = 0.02


def watch(
    child: int, pid_fd: int, control: socket.socket, confinement: Confinement, started: float, request: Request
) -> tuple[bytes, int, tuple[int, ...]]:
    """Wait for the child's end, and say which it is (see wire.py), and number and arguments of a forbidden call.

    The time for which a crowded machine kept a child waiting for a processor is not the program's fault: it comes on
    top of the wall time, within bounds.

    Raises:   ConnectionError: the parent has gone.
    """
    poll, notices = select.poll(), confinement.notices.fileno()
    poll.register(pid_fd, select.POLLIN)
    poll.register(control, 0)  # hang-up only
    poll.register(notices, select.POLLIN)
    deadline, last = started + request.wall_s, started + request.max_wall_s
    listener = -1
    try:
        while True:
            now, used_s = time.monotonic(), _used_s(child)
            if used_s >= request.cpu_s:
                return CPU, -1, NO_ARGUMENTS
            if now >= deadline:
                waited_s, waits = _waited(control)
                extended = max(started + request.wall_s + waited_s, now + SLICE_S * waits)
                if now >= (deadline := min(extended, last)):
                    return WALL, -1, NO_ARGUMENTS
            # One thread can not use more processor time than passes.
            for descriptor, _ in poll.poll(1000 * max(0.001, min(deadline - now, request.cpu_s - used_s))):
                if descriptor == pid_fd:
                    return BY_ITSELF, -1, NO_ARGUMENTS
                if descriptor == control.fileno():
                    raise ConnectionError("the parent has gone")
                listener = _sent(confinement.reports)
                if listener >= 0 and (call := _forbidden_call(listener)):
                    return CALL, *call
                poll.unregister(notices)  # the child is about to end
    finally:
        if listener >= 0:
            os.close(listener)


def forget_listeners(confinement: Confinement) -> None:
    """Take what a child has sent and nobody took; only once it is dead, when nothing more can come."""
    while (descriptor := _sent(confinement.reports)) >= 0:
        os.close(descriptor)


def _waited(control: socket.socket) -> tuple[float, bool]:
    """For how long the child has waited for a processor, and whether it may be waiting now.

    The parent knows, for there is no /proc in a jail.
    """
    control.send(WAITED)
    waited_s, waits = WAITS.unpack(control.recv(MESSAGE_BYTES))
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


def _forbidden_call(listener: int) -> tuple[int, tuple[int, ...]] | None:
    """Number and arguments of the call that the child is held in, -1 if it can not be said any more.

    None: the child is in no such call, it has ended.
    """
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    events = waiting.poll(0)
    if any(event & select.POLLHUP for _, event in events):
        return None
    if not events:  # to receive would block; a signal of the child's own has taken it out of the call
        return -1, NO_ARGUMENTS
    notification = bytearray(SECCOMP_NOTIF.size)
    try:
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification)
    except OSError:
        return -1, NO_ARGUMENTS
    _, _, _, number, _, _, *arguments = SECCOMP_NOTIF.unpack(notification)
    return number, tuple(arguments)


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
