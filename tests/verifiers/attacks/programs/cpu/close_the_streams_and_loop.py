# try: loop after closing every descriptor, so that no end of file or reader ends the run
# outcome: cpu_time
# study: 8

import os


def f(x):
    os.closerange(0, 64)
    while True:
        pass
