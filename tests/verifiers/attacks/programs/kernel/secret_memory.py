# try: memory that nobody can look into, outside the limit
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    descriptor = ctypes.CDLL(None).syscall(447, 0)
    if descriptor < 0:
        return "held"
    os.ftruncate(descriptor, 1 << 30)
    return "escaped: memfd_secret of 1 GiB"
