# try: process_vm_readv on the zygote and the host
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    buffer = ctypes.create_string_buffer(64)
    address = id(x)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 64)
    remote = (ctypes.c_uint64 * 2)(address, 64)
    for pid in {os.getppid(), x["host_pid"], 1} - {0, os.getpid()}:
        for number in (310, 311):
            if libc.syscall(number, pid, local, 1, remote, 1, 0) > 0:
                return "escaped: another process's memory"
    return "held"
