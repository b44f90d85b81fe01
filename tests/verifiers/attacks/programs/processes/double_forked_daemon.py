# try: a grandchild that outlives its run
# outcome: ok|runtime_error|forbidden|crashed
# study: 23

import os
import time


def f(x):
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(10**6)
            os._exit(0)
    except OSError:
        return "held"
    return "escaped: a daemon"
