# try: names, clock and kernel settings
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    if libc.sethostname(b"taken", 5) == 0 or libc.setdomainname(b"taken", 5) == 0:
        return "escaped: renamed the host"
    if libc.settimeofday((ctypes.c_long * 2)(10**9, 0), None) == 0:
        return "escaped: set the clock"
    if libc.klogctl(3, ctypes.create_string_buffer(64), 64) > 0:
        return "escaped: the kernel's log"
    return "held"
