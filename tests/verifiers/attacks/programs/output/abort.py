# try: abort()
# outcome: crashed
# study: 43

import os


def f(x):
    os.abort()
