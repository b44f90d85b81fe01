# try: make descriptors send signals to the parent
# outcome: ok|runtime_error|forbidden|crashed

import fcntl
import os
import signal


def f(x):
    for descriptor in range(3, 64):
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getppid())
            fcntl.fcntl(descriptor, 10, signal.SIGKILL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC)
        except OSError:
            pass
    return "done"
