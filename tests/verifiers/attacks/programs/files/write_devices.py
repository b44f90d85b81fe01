# try: a file and a device in /dev
# outcome: ok|runtime_error|forbidden|crashed
# study: 52

import os
import stat


def f(x):
    try:
        open("/dev/" + x["name"], "w").close()
        return "escaped: wrote /dev"
    except OSError:
        pass
    for folder in ("/dev", "/tmp"):
        try:
            os.mknod(f"{folder}/{x['name']}", 0o666 | stat.S_IFBLK, os.makedev(8, 0))
        except OSError:
            continue
        return "escaped: a disk"
    return "held"
