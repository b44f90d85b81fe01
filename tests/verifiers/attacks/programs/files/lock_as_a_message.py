# try: attributes on files of the jail, found by the next run
# outcome: ok|runtime_error|forbidden|crashed
# runs: 2

import os


def f(x):
    for path in (os.__file__, "/tmp", "/", "/dev/null"):
        try:
            if b"loot" in os.getxattr(path, "user.loot"):
                return "escaped: " + path
        except OSError:
            pass
        try:
            os.setxattr(path, "user.loot", b"loot")
        except OSError:
            continue
    return "held"
