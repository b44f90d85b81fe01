# try: a file that the next run of the same program finds
# outcome: ok|runtime_error|forbidden|crashed
# study: 53
# runs: 2

import os


def f(x):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue", "/"):
        path = f"{folder}/{x['name']}"
        if os.path.exists(path):
            return "escaped: " + path
        try:
            with open(path, "w") as file:
                file.write("loot")
        except OSError:
            pass
    return "held"
