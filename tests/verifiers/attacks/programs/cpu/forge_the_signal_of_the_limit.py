# try: claim to have run out of time by signalling oneself
# outcome: cpu_time|crashed|ok|forbidden

import os
import signal


def f(x):
    os.kill(os.getpid(), signal.SIGPROF)
    return "still here"
