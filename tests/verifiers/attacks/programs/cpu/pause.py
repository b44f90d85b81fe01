# try: wait for a signal that never comes
# outcome: wall_time

import signal


def f(x):
    while True:
        signal.pause()
