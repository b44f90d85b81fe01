# try: leave a module for later interpreters
# outcome: ok|runtime_error|forbidden|crashed
# study: 49

import os
import sys


def f(x):
    for folder in [os.path.dirname(os.__file__), *sys.path]:
        path = f"{folder}/{x['name'].replace('-', '_')}.py"
        try:
            open(path, "w").close()
        except OSError:
            continue
        return "escaped: " + path
    return "held"
