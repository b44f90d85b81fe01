# try: a str subclass that encodes as something else
# outcome: output|ok|runtime_error|crashed


class Text(str):
    def __len__(self):
        return 0

    def encode(self, *arguments):
        return b"escaped"

    def __repr__(self):
        return Text("'a'" + "b" * 100_000)


def f(x):
    return Text("x")
