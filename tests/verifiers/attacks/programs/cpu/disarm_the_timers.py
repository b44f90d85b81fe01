# try: clear every interval timer and handler, then loop
# outcome: cpu_time
# study: 9

import signal


def f(x):
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    signal.alarm(0)
    while True:
        pass
