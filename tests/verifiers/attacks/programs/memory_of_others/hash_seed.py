# try: tell in which interpreter one runs
# study: 61
# determinism
# outcome: ok|nondeterministic

import sys


def f(x):
    return sys.flags.hash_randomization
