# try: 32-bit system calls by int 0x80, in machine code of one's own
# outcome: ok|runtime_error|forbidden|crashed
import ctypes
import os

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
FAILED = ctypes.c_void_p(-1).value


def f(x):
    if os.uname().machine != "x86_64":
        return "held"
    # mov eax, 2 (fork); push rbx; int 0x80; pop rbx; ret
    code = bytes.fromhex("b80200000053cd805bc3")
    page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
    if page == FAILED:
        return "held"
    ctypes.memmove(page, code, len(code))
    pid = ctypes.CFUNCTYPE(ctypes.c_int)(page)()
    if pid == 0:
        while True:
            pass
    return "escaped: a 32-bit fork" if pid > 0 else "held"
