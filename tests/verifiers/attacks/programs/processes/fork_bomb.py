# try: a process that starts itself again
# outcome: ok|runtime_error|forbidden|crashed
# study: 19

import os


def f(x):
    made = 0
    for _ in range(64):
        try:
            pid = os.fork()
        except OSError:
            continue
        if pid == 0:
            while True:
                pass
        made += 1
    return f"escaped: {made} processes" if made else "held"
