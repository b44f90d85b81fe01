# try: a polite exit with status 0
# outcome: runtime_error|crashed
# study: 38

import sys


def f(x):
    sys.exit(0)
