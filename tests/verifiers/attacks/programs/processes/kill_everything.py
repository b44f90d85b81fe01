# try: send SIGKILL to every process that may be reached
# outcome: ok|runtime_error|forbidden|crashed
# study: 24

import os


def f(x):
    if os.geteuid() == 0 and os.getpid() > 100:
        return "escaped: root, and not in a PID namespace of its own"
    try:
        os.kill(-1, 9)
    except OSError:
        return "held"
    return "sent"
