# try: sockets, files and texts among all objects
# outcome: ok|runtime_error|forbidden
# study: 60

import gc
import re


def f(x):
    gc.unfreeze()
    for value in gc.get_objects():
        if type(value).__name__ == "socket" and value.fileno() >= 0:
            try:
                value.send(b"loot")
            except OSError:
                continue
            return "escaped: the control socket works"
        texts = value.values() if type(value) is dict else value if type(value) in (list, tuple) else ()
        if any(type(text) is str and re.search(x["earlier"] + "[0-9a-f]{16}", text) for text in texts):
            return "escaped: " + str(value)
    return "held"
