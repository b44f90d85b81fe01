# try: a value that never ends
# outcome: runtime_error

import itertools


def f(x):
    return itertools.count()
