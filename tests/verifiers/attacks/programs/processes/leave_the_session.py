# try: leave session and group, then go to sleep as a daemon would
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for call in (os.setsid, lambda: os.setpgid(0, 0)):
        try:
            call()
        except OSError:
            pass
    try:
        pid = os.fork()
    except OSError:
        return "held"
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "1000"])
    return "escaped: started a daemon"
