# try: exit with status 0 before the answer
# outcome: crashed
# study: 37

import os


def f(x):
    os._exit(0)
