# try: have the own timer interrupt a forbidden call, so that nobody learns of it
# outcome: ok|forbidden|runtime_error|wall_time|cpu_time

import ctypes
import signal


def f(x):
    libc = ctypes.CDLL(None, use_errno=True)
    signal.signal(signal.SIGALRM, lambda *a: None)
    for microseconds in (1, 5, 10, 20, 50):
        signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6, microseconds * 1e-6)
        made = libc.mkdir(f"{x['canary_dir']}/{x['name']}".encode(), 0o700)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if made == 0:
            return "escaped: a directory"
    return "held"
