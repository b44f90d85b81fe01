# try: let the import system read the host's files
# outcome: ok|runtime_error|forbidden
import json
import types


def f(x):
    loader = type(json.__loader__)("loot", x["secret_file"] + ".py")
    module = types.ModuleType("loot")
    try:
        loader.exec_module(module)
    except OSError:
        return "held"
    return "escaped: " + module.secret
