# try: a file in /dev/shm
# outcome: ok|runtime_error|forbidden|crashed
# study: 51

import os


def f(x):
    try:
        descriptor = os.open("/dev/shm/" + x["name"], os.O_CREAT | os.O_RDWR, 0o666)
        os.write(descriptor, b"loot")
    except OSError:
        return "held"
    return "escaped: wrote /dev/shm"
