# try: lift the stack's limit and recurse in C
# outcome: ok|runtime_error|crashed|memory|forbidden

import resource
import sys


def f(x):
    try:
        resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))
    except (ValueError, OSError):
        pass
    sys.setrecursionlimit(10**8)
    nested = []
    for _ in range(10**5):
        nested = [nested]
    return nested == [nested]
