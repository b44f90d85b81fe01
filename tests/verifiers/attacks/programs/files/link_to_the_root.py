# try: reach outside through a symbolic link
# outcome: ok|runtime_error|forbidden|crashed
# study: 54

import os


def f(x):
    try:
        os.symlink("/", "/tmp/" + x["name"])
        return "escaped: " + open(f"/tmp/{x['name']}{x['secret_file']}").read()
    except OSError:
        return "held"
    finally:
        try:
            os.unlink("/tmp/" + x["name"])
        except OSError:
            pass
