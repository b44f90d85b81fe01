# try: a repr that makes a file if it is evaluated
# outcome: runtime_error


class Value:
    def __init__(self, path):
        self.path = path

    def __repr__(self):
        return f"open({self.path!r}, 'w')"


def f(x):
    return Value(x["canary_dir"] + "/" + x["name"])
