# try: set the processor timer to a day
# outcome: cpu_time

import signal


def f(x):
    signal.setitimer(signal.ITIMER_PROF, 86_400)
    while True:
        pass
