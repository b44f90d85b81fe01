# try: find capabilities left over from the set-up
# outcome: ok|runtime_error|forbidden

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) != 0:
        return "held"
    return "escaped: " + str(list(data)) if any(data) else "held"
