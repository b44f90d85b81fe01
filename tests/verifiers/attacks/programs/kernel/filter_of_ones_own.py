# try: answer the own system calls by a seccomp listener
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import struct


def f(x):
    libc = ctypes.CDLL(None)
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
    program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code))
    return "escaped: a listener" if libc.syscall(317, 1, 8, program) >= 0 else "held"
