# try: two programs at once meet at a path
# outcome: ok|runtime_error|forbidden|crashed
# study: 75
# at_once: 2

import os
import time


def f(x):
    met = 0
    for folder in ("/tmp", "/dev/shm", "/var/tmp"):
        for number in range(20):
            try:
                os.close(os.open(f"{folder}/{x['name']}-{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                met += 1
            except OSError:
                break
            time.sleep(0.002)
    return "escaped: met another program" if met else "held"
