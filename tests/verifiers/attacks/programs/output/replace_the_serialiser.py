# try: own versions of json, os and the builtins that the runner writes with
# outcome: ok|runtime_error|crashed|output
# study: 40
# never: forged

import builtins
import json
import os
import sys


def f(x):
    json.dumps = lambda *a, **k: '{"value": "\'forged\'"}'
    os.write = lambda *a: 1 << 20
    builtins.repr = builtins.len = builtins.open = lambda *a: 0
    sys.stdout = None
    return "done"
