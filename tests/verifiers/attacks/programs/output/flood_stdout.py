# try: more text than a pipe holds
# outcome: ok|cpu_time|output|crashed|runtime_error
# study: 32

import os


def f(x):
    for _ in range(2_000):
        print("x" * 10_000)
    os.write(1, bytes(1 << 16))
    return "done"
