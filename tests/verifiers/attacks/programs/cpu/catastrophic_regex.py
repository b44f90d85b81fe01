# try: exponential backtracking
# outcome: cpu_time
# study: 7

import re


def f(x):
    return re.match(r"(a|a)*b", "a" * 40)
