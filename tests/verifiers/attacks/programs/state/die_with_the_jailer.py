# try: the zygote is killed between the fork and the answer; the run is made again
# outcome: ok
# study: 76
# kills: zygote
# argument: 7
# returns: 7

import time


def f(x):
    time.sleep(0.3)
    return x
