# try: builtins changed for whoever comes next
# outcome: ok|runtime_error|crashed

import builtins
import json
import math


def f(x):
    builtins.sum = builtins.sorted = builtins.range = lambda *a, **k: [666]
    math.sqrt = json.dumps = None
    return "done"
