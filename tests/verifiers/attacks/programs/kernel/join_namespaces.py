# try: go back to the namespaces of the zygote
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for number in range(3, 64):
        if libc.setns(number, 0) == 0:
            return f"escaped: joined descriptor {number}"
    for pid in (1, os.getppid(), x["host_pid"]):
        for kind in ("mnt", "pid", "user", "net", "ipc", "uts"):
            try:
                descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(descriptor, 0) == 0:
                return f"escaped: joined {kind}"
    return "held"
