# try: confuse whoever reads the arguments of a forbidden call
# outcome: ok|forbidden|runtime_error|crashed
import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    wild = ctypes.c_uint64(2**64 - 1)
    for number in (62, 234, 297, 157, 72, 302, 10**6, 2**31):
        libc.syscall(ctypes.c_long(number), wild, wild, wild, wild, wild, wild)
    return "held"
