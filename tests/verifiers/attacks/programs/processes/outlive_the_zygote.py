# try: undo the order to die with the zygote
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    libc.prctl(1, 0, 0, 0, 0)
    libc.prctl(36, 1, 0, 0, 0)
    try:
        pid = os.fork()
    except OSError:
        return "held"
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "1000"])
    return "escaped: a child under a parent that adopts"
