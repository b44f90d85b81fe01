# try: leave no room for the end of the answer
# outcome: ok|crashed|output|runtime_error|forbidden|wall_time

import os


def f(x):
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            while os.write(descriptor, bytes(4096)):
                pass
        except OSError:
            pass
    return "done"
