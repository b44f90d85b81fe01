# try: System V memory and semaphores that stay for the next program
# outcome: ok|runtime_error|forbidden|crashed
# study: 75

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    key = x["key"]
    for name, made in (
        ("shm", libc.shmget(key, 4096, 0o1666)),
        ("sem", libc.semget(key, 1, 0o1666)),
        ("msg", libc.msgget(key, 0o1666)),
    ):
        if made >= 0:
            return f"escaped: {name}"
    return "held"
