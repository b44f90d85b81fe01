# try: behave differently in the second run by counting runs in a file
# outcome: ok|nondeterministic|runtime_error|forbidden|crashed
# study: 78
# determinism

import os


def f(x):
    path = f"/tmp/{x['name']}"
    try:
        if os.path.exists(path):
            return "escaped: the second run"
        open(path, "w").close()
    except OSError:
        pass
    return "first"
