# try: a text whose repr is an expression
# outcome: runtime_error|ok|forbidden
# study: 63


class Liar(str):
    def __repr__(self):
        return "__import__('os').getpid()"


def f(x):
    return Liar("a")
