# try: O_TMPFILE in a folder of the host
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for folder in (x["canary_dir"], "/var/tmp", "/"):
        try:
            descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
            os.write(descriptor, b"loot")
        except OSError:
            continue
        return "escaped: " + folder
    return "held"
