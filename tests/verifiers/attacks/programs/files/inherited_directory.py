# try: a descriptor left open, used as a way out
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for descriptor in range(64):
        try:
            found = os.open("../" * 20 + x["secret_file"].lstrip("/"), os.O_RDONLY, dir_fd=descriptor)
        except OSError:
            continue
        return "escaped: " + os.read(found, 100).decode()
    return "held"
