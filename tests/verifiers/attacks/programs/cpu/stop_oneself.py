# try: stop instead of ending, so that nobody sees an end
# outcome: wall_time|crashed|forbidden|ok

import os
import signal


def f(x):
    os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"
