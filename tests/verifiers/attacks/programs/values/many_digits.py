# try: an int with more digits than Python reads
# outcome: ok|runtime_error|output|cpu_time

import sys


def f(x):
    sys.set_int_max_str_digits(0)
    return 10**900
