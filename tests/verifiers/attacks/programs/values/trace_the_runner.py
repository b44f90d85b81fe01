# try: change the runner's local variables by a trace function
# outcome: ok|runtime_error|crashed
# study: 65

import sys


def trace(frame, event, value):
    if "text" in frame.f_locals:
        frame.f_locals["text"] = "'forged'"
    return trace


def f(x):
    sys.settrace(trace)
    sys.setprofile(trace)
    frame = sys._getframe()
    while frame:
        frame.f_trace = trace
        frame = frame.f_back
    return "done"
