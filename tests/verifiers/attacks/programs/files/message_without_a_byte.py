# try: empty files, directories, links and times carry messages too
# outcome: ok|runtime_error|forbidden|crashed
# runs: 2

import os


def f(x):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/"):
        path = f"{folder}/{x['name']}"
        if os.path.lexists(path) or os.path.lexists(path + "-d"):
            return "escaped: " + path
        for leave in (
            lambda: os.mkdir(path + "-d"),
            lambda: os.symlink("loot", path),
            lambda: os.mkfifo(path + "-f"),
            lambda: os.chmod(folder, 0o1775),
        ):
            try:
                leave()
            except OSError:
                pass
    return "held"
