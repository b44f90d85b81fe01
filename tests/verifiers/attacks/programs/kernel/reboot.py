# try: reach reboot(2) with a harmless command
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    return "escaped: reboot" if libc.syscall(169, 0xFEE1DEAD, 672274793, 0, None) == 0 else "held"
