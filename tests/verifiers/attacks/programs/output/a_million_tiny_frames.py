# try: make the reader count
# outcome: crashed|output|runtime_error|forbidden|cpu_time|wall_time

import os
import struct


def f(x):
    frames = (struct.pack(">I", 2) + b"v1") * 10_000
    for descriptor in range(3, 64):
        for _ in range(40):
            try:
                os.write(descriptor, frames)
            except OSError:
                break
    os._exit(0)
