# try: start a shell through the C library
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    status = ctypes.CDLL(None).system(b"exit 42")
    return "escaped: a shell" if status == 42 << 8 else "held"
