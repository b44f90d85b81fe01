# try: turn the pipe into one that keeps messages apart, so that the reader sees only the first
# outcome: ok|crashed|forbidden|runtime_error
import fcntl
import os


def f(x):
    for descriptor in range(3, 1 << 12):
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_DIRECT | os.O_NONBLOCK)
        except OSError:
            pass
    return "done"
