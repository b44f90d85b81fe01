# try: more .. than the root has
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    try:
        os.chdir("/tmp")
        os.chdir("../" * 40)
        return "escaped: " + open("./" + x["secret_file"]).read()
    except OSError:
        return "held"
