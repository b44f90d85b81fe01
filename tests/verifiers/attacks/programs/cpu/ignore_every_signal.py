# try: outlive the signal of the processor limit
# outcome: cpu_time
# study: 3

import signal


def f(x):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
