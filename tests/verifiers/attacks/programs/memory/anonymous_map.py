# try: memory the allocator does not see
# outcome: runtime_error|memory|ok
import ctypes

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
FAILED = ctypes.c_void_p(-1).value


def f(x):
    place = libc.mmap(None, 1 << 30, 3, 0x22, -1, 0)
    if place == FAILED:
        return "held"
    for offset in range(0, 1 << 30, 4096):
        ctypes.memset(place + offset, 1, 1)
    return "escaped: 1 GiB"
