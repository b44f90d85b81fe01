# try: open descriptors without end
# outcome: ok|runtime_error|forbidden
# study: 16

import os


def f(x):
    opened = 0
    try:
        while opened < 5_000:
            os.dup(os.open("/dev/null", os.O_RDONLY))
            opened += 2
    except OSError:
        return "held"
    return "escaped: 5000 descriptors"
