# try: name every open descriptor; nothing but the streams and the own results may be there
# outcome: ok
import os
import stat


def f(x):
    found = []
    for number in range(1 << 16):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if not stat.S_ISCHR(mode) and not stat.S_ISFIFO(mode):
            found.append((number, oct(mode)))
    return f"escaped: {found}" if found else "held"
