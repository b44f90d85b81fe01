# try: a POSIX shared-memory segment under a name, which stays
# outcome: ok|runtime_error|forbidden|crashed
import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    made = libc.shm_open(f"/{x['name']}".encode(), 0o102, 0o666)
    return "escaped: a segment" if made >= 0 else "held"
