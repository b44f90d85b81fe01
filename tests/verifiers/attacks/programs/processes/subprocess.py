# try: start a program
# outcome: runtime_error|forbidden|crashed
# study: 20

import subprocess


def f(x):
    return "escaped: " + subprocess.run(["/bin/sh", "-c", "id"], capture_output=True, text=True, check=False).stdout
