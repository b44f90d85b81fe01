# try: overwrite the small integers
# outcome: ok|crashed|runtime_error

import ctypes


def f(x):
    ctypes.memmove(id(1) + 24, id(2) + 24, 4)
    return 1 + 1
