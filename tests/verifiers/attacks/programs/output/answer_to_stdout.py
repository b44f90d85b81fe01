# try: a second pipe in place of the result pipe, read by the program itself
# outcome: ok|crashed|forbidden|runtime_error|wall_time
import os


def f(x):
    reader, writer = os.pipe()
    for descriptor in range(3, 60):
        if descriptor not in (reader, writer):
            os.dup2(writer, descriptor)
    return "done"
