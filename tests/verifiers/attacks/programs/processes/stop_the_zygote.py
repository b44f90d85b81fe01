# try: stop the parent, so that the pool hangs
# outcome: ok|runtime_error|forbidden|crashed|wall_time

import os
import signal


def f(x):
    if os.getppid() == 0:
        return "held"
    try:
        os.kill(os.getppid(), signal.SIGSTOP)
    except OSError:
        return "held"
    return "escaped: stopped the parent"
