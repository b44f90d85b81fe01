# try: set the clock back, then sleep
# outcome: wall_time|forbidden
# study: 77

import ctypes
import time


def f(x):
    libc = ctypes.CDLL(None)
    moment = (ctypes.c_long * 2)(10**9, 0)
    if libc.clock_settime(0, moment) == 0:
        return "escaped: set the clock"
    time.time = time.monotonic = lambda: 0.0
    time.sleep(10**6)
