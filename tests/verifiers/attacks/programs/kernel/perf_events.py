# try: measure other processes
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(128)
    attributes[4] = 112
    return "escaped: perf_event_open" if libc.syscall(298, attributes, 0, -1, -1, 0) >= 0 else "held"
