# try: the same while a program runs into its limit
# outcome: wall_time
# study: 76
# kills: zygote

import time


def f(x):
    time.sleep(10**6)
