# try: a real fault
# outcome: crashed
# study: 42

import ctypes


def f(x):
    return ctypes.string_at(0)
