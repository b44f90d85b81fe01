# try: the same after switching Python's own guard off
# outcome: cpu_time
# study: 6

import sys


def f(x):
    sys.set_int_max_str_digits(0)
    return str(7**3_000_000)
