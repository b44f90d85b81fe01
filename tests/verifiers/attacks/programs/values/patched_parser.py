# try: the runner's own helpers replaced in place
# outcome: ok|runtime_error|crashed
# never: forged

import sys


def f(x):
    for runner in [module for name, module in sys.modules.items() if "inside" in name]:
        for name in ("_line", "_said", "_call", "prctl"):
            setattr(runner, name, lambda *a: 0)
    for value in list(vars(sys.modules["sparring.verifiers.inside.program"]).values()):
        if isinstance(value, type) and value.__name__ == "Results":
            value.value = lambda self, text: self._write({"value": "'forged'", "extra": 1})
    return "done"
