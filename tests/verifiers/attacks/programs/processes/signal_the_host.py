# try: a signal to the process that owns the pool
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    try:
        os.kill(x["host_pid"], 0)
    except OSError:
        return "held"
    return "escaped: reached the host"
