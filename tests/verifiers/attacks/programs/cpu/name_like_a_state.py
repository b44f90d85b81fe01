# try: a process name that reads like fields of /proc, to look idle or gone
# outcome: cpu_time
import ctypes


def f(x):
    ctypes.CDLL(None).prctl(15, b") Z 1 1 (x", 0, 0, 0)
    while True:
        pass
