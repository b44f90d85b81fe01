# try: hold a place of the pool without computing
# outcome: wall_time
# study: 2

import time


def f(x):
    time.sleep(10**6)
