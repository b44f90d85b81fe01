# try: recursion limit, switch interval, umask and working directory
# outcome: ok|runtime_error|forbidden

import os
import resource
import sys


def f(x):
    sys.setrecursionlimit(30)
    sys.setswitchinterval(10**6)
    for change in (
        lambda: os.umask(0o777),
        lambda: os.chdir("/proc"),
        lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)),
        lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),
    ):
        try:
            change()
        except (OSError, ValueError):
            pass
    return "done"
