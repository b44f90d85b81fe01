# try: go on after the value has been returned
# outcome: ok|wall_time

import atexit
import time


def f(x):
    atexit.register(time.sleep, 10**6)
    return "done"
