# try: take one lock twice
# outcome: wall_time

import threading


def f(x):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
