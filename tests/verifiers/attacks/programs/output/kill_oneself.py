# try: SIGKILL from inside looks like the watcher's
# outcome: crashed|forbidden|ok
# study: 44

import os
import signal


def f(x):
    os.kill(os.getpid(), signal.SIGKILL)
    return "went on"
