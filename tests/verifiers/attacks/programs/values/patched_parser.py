# try: the runner's own helpers replaced in place
# outcome: ok|runtime_error|crashed
# never: forged

import sys


def f(x):
    runner = sys.modules["__main__"]
    for name in ("_line", "_message", "_call", "_prctl"):
        setattr(runner, name, lambda *a: 0)
    for name, value in list(vars(runner).items()):
        if isinstance(value, type) and name.startswith("_"):
            value.value = lambda self, text: self._write({"value": "'forged'", "extra": 1})
    return "done"
