# try: an import hook that hands out other modules
# outcome: ok|runtime_error
# study: 67

import builtins
import sys


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        raise SystemExit(name)


def f(x):
    sys.meta_path.insert(0, Finder)
    for name in ("json", "os", "struct", "types"):
        sys.modules[name] = None
    builtins.__import__ = None
    return "done"
