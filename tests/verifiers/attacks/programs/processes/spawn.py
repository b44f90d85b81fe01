# try: start a program by posix_spawn
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    try:
        os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 100"], {})
    except OSError:
        return "held"
    return "escaped: spawned"
