# try: open a file by its inode, past every path
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    handle = ctypes.create_string_buffer(bytes([8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]), 64)
    try:
        root = os.open("/", os.O_RDONLY)
    except OSError:
        return "held"
    return "escaped: open_by_handle_at" if libc.syscall(304, root, handle, 0) >= 0 else "held"
