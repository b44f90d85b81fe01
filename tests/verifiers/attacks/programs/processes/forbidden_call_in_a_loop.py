# try: tire the watcher of forbidden calls
# outcome: ok|forbidden|cpu_time
import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    while True:
        libc.socket(2, 1, 0)
        libc.kill(0, 0)
