# try: put keystrokes into the terminal of whoever started the pool
# outcome: ok|runtime_error|forbidden|crashed
# study: 46

import fcntl
import os


def f(x):
    for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/pts/0"):
        try:
            terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
            fcntl.ioctl(terminal, 0x5412, b"x")
        except OSError:
            continue
        return "escaped: typed into " + path
    return "held"
