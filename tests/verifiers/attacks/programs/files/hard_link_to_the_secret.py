# try: another name for a file of the host
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for folder in ("/tmp", x["canary_dir"]):
        path = f"{folder}/{x['name']}"
        try:
            os.link(x["secret_file"], path)
        except OSError:
            continue
        return "escaped: linked"
    return "held"
