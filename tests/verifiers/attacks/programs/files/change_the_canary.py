# try: overwrite, truncate, touch, rename and chmod a file that everybody may write
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    path = x["canary_file"]
    won = []
    for name, change in (
        ("truncate", lambda: os.truncate(path, 0)),
        ("write", lambda: open(path, "w").write("taken")),
        ("utime", lambda: os.utime(path, (0, 0))),
        ("chmod", lambda: os.chmod(path, 0)),
        ("rename", lambda: os.rename(path, path + ".taken")),
        ("unlink", lambda: os.unlink(path)),
    ):
        try:
            change()
            won.append(name)
        except OSError:
            pass
    return "escaped: " + str(won) if won else "held"
