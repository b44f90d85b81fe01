# try: the same on the other stream
# outcome: ok|cpu_time|output|crashed|runtime_error
# study: 33

import os
import sys


def f(x):
    for _ in range(2_000):
        sys.stderr.write("x" * 10_000)
    os.write(2, bytes(1 << 16))
    return "done"
