# try: an object whose class lives in the zygote's main module
# outcome: runtime_error|ok
# study: 45

import pickle
import sys


class Value:
    def __reduce__(self):
        return (eval, ("open('/tmp/forged', 'w')",))


def f(x):
    sys.modules["__main__"].Value = Value
    return pickle.dumps(Value())
