# try: the time stamps of shared files, found by the next run
# outcome: ok|runtime_error|forbidden|crashed
# runs: 2

import os


def f(x):
    for path in ("/tmp", "/", "/dev/null", "/dev/shm", os.__file__):
        try:
            if int(os.stat(path).st_mtime) == 1_000_000_007:
                return "escaped: " + path
            os.utime(path, (1_000_000_007, 1_000_000_007))
        except OSError:
            pass
    return "held"
