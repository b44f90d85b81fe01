# try: become another program in the same process
# outcome: runtime_error|forbidden|crashed
# study: 21

import os


def f(x):
    os.execve("/bin/sh", ["sh", "-c", "sleep 100"], {})
