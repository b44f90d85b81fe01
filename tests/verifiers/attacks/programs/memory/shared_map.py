# try: shared memory, which some limits do not count
# outcome: runtime_error|memory|ok
import ctypes

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
FAILED = ctypes.c_void_p(-1).value


def f(x):
    places = []
    for _ in range(64):
        place = libc.mmap(None, 16 << 20, 3, 0x21, -1, 0)
        if place == FAILED:
            return "held"
        places.append(place)
    for place in places:
        ctypes.memset(place, 1, 16 << 20)
    return "escaped: 1 GiB"
