# try: a POSIX message queue that stays for the next program
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    name = x["name"].encode()
    return "escaped: a queue" if libc.syscall(240, name, 0o102, 0o666, None) >= 0 else "held"
