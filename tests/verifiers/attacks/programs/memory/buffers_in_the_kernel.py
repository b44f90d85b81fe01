# try: fill pipes, whose memory belongs to no process
# outcome: ok|runtime_error|memory|forbidden

import fcntl
import os


def f(x):
    held = 0
    try:
        for _ in range(1_000):
            _, end = os.pipe2(os.O_NONBLOCK)
            try:
                fcntl.fcntl(end, 1031, 1 << 20)
            except OSError:
                pass
            held += os.write(end, bytes(1 << 20))
    except (OSError, MemoryError):
        pass
    return "escaped: more than 64 MiB of pipes" if held > 64 << 20 else "held"
