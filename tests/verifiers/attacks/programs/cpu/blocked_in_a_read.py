# try: wait in a read of a pipe that nobody writes to
# outcome: wall_time
import os


def f(x):
    reader, _ = os.pipe()
    return os.read(reader, 1)
