# try: an iterator without end, consumed by one C call
# outcome: cpu_time

import itertools


def f(x):
    return sum(itertools.repeat(0))
