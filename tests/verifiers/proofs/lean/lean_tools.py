#!/usr/bin/env python3
"""Stands in for lean, leanchecker, safe_verify and comparator by the name it is called under; knows no Lean.

A compiled file is the JSON of its theorems. A line "-- lean: WORD ARGUMENT" in a proof says what becomes of it:

    error TEXT    does not compile         axioms A B   rests on these          states TEXT   is another statement
    hacked        the kernel refuses it    crash        the compiler dies       forge TEXT    the compiler prints this
    hang          it does not end          grow MIB     it takes so much memory
"""

import json
import os
import re
import sys
import time
from pathlib import Path

THEOREM = re.compile(r"theorem (\S+) (.*?): \(\n(.*?)\n\) := \(\n(.*?)\n\)\n", re.DOTALL)
MARK = re.compile(r"-- lean: (\w+) ?(.*)")


def say(severity, line, data):
    place = {"line": line, "column": 2}
    print(json.dumps({"severity": severity, "pos": place, "endPos": place, "data": data, "fileName": "Goal.lean"}))


def elaborate(text):
    """The theorems of a text, with errors printed; and whether there were any."""
    theorems, failed = {}, "header-error" in text
    if failed:
        say("error", 1, "unknown module")
    for match in THEOREM.finditer(text):
        name, _, statement, proof = match.groups()
        marks = dict(MARK.findall(proof))
        if "crash" in marks:
            os.kill(os.getpid(), 9)
        if "hang" in marks or "grow" in marks:
            held = b"x" * (int(marks.get("grow", 0)) << 20)
            time.sleep(3600 + len(held))
        if "forge" in marks:
            print(marks["forge"])
        if "error" in marks:
            say("error", text.count("\n", 0, match.start(4)) + 1, marks["error"])
            failed = True
        theorems[name] = {
            "statement": marks.get("states", statement),
            "axioms": marks.get("axioms", "sorryAx" if proof == "sorry" else "").split(),
            "hacked": "hacked" in marks,
        }
    return theorems, failed


def lean(arguments):
    source = arguments[-1]
    text = Path(source).read_text()
    theorems, failed = elaborate(text)
    if "import Goal\n" in text:
        theorems |= json.loads(Path("Goal.olean").read_bytes())
    for number, line in enumerate(text.split("\n"), 1):
        name = line.rpartition(" ")[2].lstrip("@")
        if line.startswith("#check "):
            say("information", number, f"@{name} : {theorems[name]['statement']}")
        elif line.startswith("#print axioms "):
            axioms = ", ".join(theorems[name]["axioms"])
            rest = f"depends on axioms: [{axioms}]" if axioms else "does not depend on any axioms"
            say("information", number, f"'{name}' {rest}")
    if "-o" in arguments and not failed:
        Path(arguments[arguments.index("-o") + 1]).write_text(json.dumps(theorems))
    return int(failed)


def leanchecker(arguments):
    hacked = [
        name for name, theorem in json.loads(Path(f"{arguments[0]}.olean").read_bytes()).items() if theorem["hacked"]
    ]
    print("\n".join(f"(kernel) {name} is not what was added" for name in hacked))
    return int(bool(hacked))


def safe_verify(arguments):
    target, submission = (json.loads(Path(path).read_bytes()) for path in arguments)
    return compare(target, submission)


def comparator(arguments):
    config = json.loads(Path(arguments[0]).read_text())
    sides = [elaborate(Path(f"{config[key]}.lean").read_text()) for key in ("challenge_module", "solution_module")]
    if any(failed for _, failed in sides) or list(sides[0][0]) != config["theorem_names"]:
        return 1
    return compare(sides[0][0], sides[1][0], allowed=config["permitted_axioms"])


def compare(target, submission, allowed=("propext", "Quot.sound", "Classical.choice")):
    for name, meant in target.items():
        theorem = submission[name]
        if theorem["hacked"] or theorem["statement"] != meant["statement"] or set(theorem["axioms"]) - set(allowed):
            print(f"{name} does not match the target")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(globals()[Path(sys.argv[0]).name](sys.argv[1:]))
