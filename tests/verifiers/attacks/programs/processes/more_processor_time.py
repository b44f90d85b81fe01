# try: a higher priority than others have
# outcome: ok|runtime_error|forbidden|crashed
# study: 27

import os


def f(x):
    won = []
    try:
        os.nice(-10)
        won.append("nice")
    except OSError:
        pass
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        won.append("real time")
    except OSError:
        pass
    return "escaped: " + str(won) if won else "held"
