# try: move the offset and flags of inherited descriptors
# outcome: ok|runtime_error|forbidden|crashed

import fcntl
import os


def f(x):
    for descriptor in range(64):
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
            os.lseek(descriptor, 10**9, os.SEEK_SET)
        except OSError:
            pass
    return "done"
