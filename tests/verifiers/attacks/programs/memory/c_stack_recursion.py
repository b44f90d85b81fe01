# try: recursion through C, under a lifted recursion limit
# outcome: runtime_error|crashed|memory
# study: 18

import sys

sys.setrecursionlimit(10**9)


class Deep:
    def __getattr__(self, name):
        return getattr(self, name)


def f(x):
    return Deep().a
