# try: find the expected answer anywhere in the process
# outcome: ok|runtime_error|crashed|cpu_time
# expects: a secret answer
import gc
import re
import sys


def texts(value):
    return [str(part) for part in value if type(part) in (str, bytes)]


def f(x):
    gc.unfreeze()
    pattern = re.compile("expected-" + x["prefix"] + "[0-9a-f]{16}")
    seen = [text for o in gc.get_objects() if type(o) in (list, tuple) for text in texts(o)]
    seen += [text for o in gc.get_objects() if type(o) is dict for text in texts(list(o.values()))]
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            seen += texts([value]) + texts(getattr(value, "__dict__", {}).values())
        frame = frame.f_back
    return (pattern.findall(" ".join(seen)) or ["held"])[0]
