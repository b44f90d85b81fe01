# try: read the frames out of the own pipe again, so that the run looks like a failure of the machinery
# outcome: ok|crashed|runtime_error|forbidden|wall_time

import os


def f(x):
    taken = 0
    for descriptor in range(3, 64):
        for folder in ("/proc/self/fd", "/dev/fd"):
            try:
                again = os.open(f"{folder}/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
                taken += len(os.read(again, 1 << 20))
            except OSError:
                pass
    os._exit(0)
