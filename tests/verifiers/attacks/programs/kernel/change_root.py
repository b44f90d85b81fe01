# try: another root directory, then out of it
# outcome: ok|runtime_error|forbidden|crashed
# study: 28

import ctypes
import os


def f(x):
    try:
        os.chroot("/tmp")
    except OSError:
        pass
    else:
        return "escaped: chroot"
    return "escaped: pivot_root" if ctypes.CDLL(None).syscall(155, b"/", b"/") == 0 else "held"
