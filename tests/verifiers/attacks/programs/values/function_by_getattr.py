# try: f appears only when asked for
# outcome: ok|runtime_error
# returns: 7


def __getattr__(name):
    return lambda x: 7


globals()["f"] = __getattr__("f")
