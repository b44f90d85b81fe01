# try: bytecode that no compiler writes
# outcome: crashed|runtime_error|cpu_time|memory|ok
# study: 70

import types


def f(x):
    code = f.__code__
    broken = code.replace(co_code=b"\x64\xff" * 40 + b"\x53\x00", co_consts=(), co_stacksize=1)
    return types.FunctionType(broken, {})(0)
