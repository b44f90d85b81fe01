# try: descriptors that name a file without opening it
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    try:
        descriptor = os.open(x["secret_file"], os.O_PATH)
        return "escaped: " + open(f"/proc/self/fd/{descriptor}").read()
    except OSError:
        return "held"
