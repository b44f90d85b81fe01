#!/usr/bin/env python3
"""Speaks the protocol of the Lean REPL from recordings, and misbehaves where a proof says so; knows no Lean.

Reads ``replay.json`` beside itself:

    transcript   [[request, reply], ...]: answer just these, in this order, with these bytes
    theorems     [[statement, proof, reply], ...]: answer these theorems as recorded, with our environment's number;
                 any other theorem is accepted, and rests on no axioms

A line "-- replay: WORD ARGUMENT" in a proof (or a header) says how to answer it: see ``Behaviour``. Uses the
standard library alone, since it runs in a jail.
"""

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

NAME = re.compile(r"goal_[0-9a-f]+")
THEOREM = re.compile(r"theorem (\S+) ([^\n]*(?:\n[^\n]*?)*?): \(\n(.*)\n\) := \(\n(.*)\n\)\n", re.DOTALL)
MARK = re.compile(r"-- replay: (\w+) ?(.*)")


def read_request():
    """One request, as the REPL reads it: lines up to a blank one, joined without their ends."""
    text = ""
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        if not line.strip():
            if text:
                return text
            continue
        text += line.rstrip()


def write(data):
    sys.stdout.buffer.write(data + b"\n\n")
    sys.stdout.buffer.flush()


def say(value):
    write(json.dumps(value, ensure_ascii=False, indent=1).encode())


def message(data, severity="info"):
    return {"severity": severity, "pos": {"line": 1, "column": 0}, "endPos": {"line": 1, "column": 6}, "data": data}


class Repl:
    def __init__(self, script):
        self.theorems = {(statement, proof): reply for statement, proof, reply in script.get("theorems", [])}
        self.axioms = {}  # of the theorem that each environment ends with
        self.num_envs = 0
        self.num_garbled = 0

    def answer(self, request):
        text, env = request["cmd"], request.get("env")
        if env is not None and env >= self.num_envs:
            return say({"message": "Unknown environment."})
        if text.startswith("#check "):
            return self.reply({"messages": [message(text.removeprefix("#check ") + " : String")]})
        if text.startswith("#print axioms "):
            return self.audit(text.removeprefix("#print axioms "), env)
        return self.elaborate(text)

    def elaborate(self, text):
        reply, axioms = {}, None
        for word, argument in MARK.findall(text):
            reply, axioms = Behaviour.apply(self, word, argument, reply, axioms)
        self.axioms[self.num_envs] = axioms or []
        match = THEOREM.fullmatch(text)
        recorded = self.theorems.get((match[2].strip() + "|" + match[3], match[4])) if match else None
        if recorded is not None:
            data = re.sub(r'"env": \d+}$', f'"env": {self.num_envs}}}', recorded)
            self.num_envs += 1
            return write(data.encode())
        return self.reply(reply)

    def audit(self, name, env):
        names = ", ".join(self.axioms.get(env, [])).replace("NAME", name)
        said = f"'{name}' depends on axioms: [{names}]" if names else f"'{name}' does not depend on any axioms"
        self.reply({"messages": [message(said)]})

    def reply(self, value):
        value["env"] = self.num_envs
        self.num_envs += 1
        say(value)


class Behaviour:
    """What a proof can ask for; each takes the reply and the axioms so far and returns them."""

    @classmethod
    def apply(cls, repl, word, argument, reply, axioms):
        return getattr(cls, word)(repl, argument, reply, axioms)

    @staticmethod
    def delay(repl, argument, reply, axioms):
        time.sleep(float(argument))
        return reply, axioms

    @staticmethod
    def hang(repl, argument, reply, axioms):
        while True:
            time.sleep(3600)

    @staticmethod
    def spin(repl, argument, reply, axioms):
        while True:
            pass

    @staticmethod
    def grow(repl, argument, reply, axioms):
        held = bytearray(int(argument) << 20)
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(3600)

    @staticmethod
    def crash(repl, argument, reply, axioms):
        sys.stderr.write("INTERNAL PANIC: out of memory\n")
        sys.stderr.flush()
        os._exit(int(argument or 1))

    @staticmethod
    def kill(repl, argument, reply, axioms):
        os.kill(os.getpid(), 9)

    @staticmethod
    def flood(repl, argument, reply, axioms):
        """So many KiB on standard error, far more than a pipe holds."""
        for _ in range(int(argument)):
            sys.stderr.write("PANIC at cheat " + "x" * 1000 + "\n")
        sys.stderr.flush()
        return reply, axioms

    @staticmethod
    def garbage(repl, argument, reply, axioms):
        """A line on standard output that is no reply, as IO.println in a proof would write."""
        sys.stdout.write(argument + "\n")
        sys.stdout.flush()
        return reply, axioms

    @staticmethod
    def bytes(repl, argument, reply, axioms):
        """Bytes that are no text."""
        sys.stdout.buffer.write(bytes.fromhex(argument))
        return reply, axioms

    @staticmethod
    def forge(repl, argument, reply, axioms):
        """A whole reply of its own before the real one."""
        write(argument.encode())
        return reply, axioms

    @staticmethod
    def late(repl, argument, reply, axioms):
        """A reply too many, once the check is over."""
        threading.Timer(0.15, write, (argument.encode(),)).start()
        return reply, axioms

    @staticmethod
    def endless(repl, argument, reply, axioms):
        """A reply that never ends."""
        while True:
            sys.stdout.write("x" * 65536)

    @staticmethod
    def skew(repl, argument, reply, axioms):
        """Numbers that do not follow each other: another command ran in between."""
        repl.num_envs += int(argument)
        return reply, axioms

    @staticmethod
    def error(repl, argument, reply, axioms):
        return {**reply, "messages": [message(argument, "error")]}, axioms

    @staticmethod
    def sorry(repl, argument, reply, axioms):
        place = {"line": 1, "column": 0}
        return {**reply, "sorries": [{"proofState": 0, "pos": place, "goal": argument, "endPos": place}]}, ["sorryAx"]

    @staticmethod
    def axioms(repl, argument, reply, axioms):
        return reply, argument.split()

    @staticmethod
    def constants(repl, argument, reply, axioms):
        place = {"line": 1, "column": 0}
        tactic = {"usedConstants": argument.split(), "tactic": "", "proofState": 0, "pos": place, "goals": ""}
        return {**reply, "tactics": [{**tactic, "endPos": place}]}, axioms


def replay(transcript):
    for expected, reply in transcript:
        request = read_request()
        # As the REPL reads it: the recording of a line break in a string is about just that.
        wanted = "".join(line.rstrip() for line in expected.split("\n"))
        if json.loads(request) != json.loads(wanted):
            sys.exit(f"asked {request}, but the recording goes on with {wanted}")
        write(reply.encode())


def main():
    script = json.loads((Path(__file__).parent / "replay.json").read_text())
    if "transcript" in script:
        return replay(script["transcript"])
    repl = Repl(script)
    while True:
        repl.answer(json.loads(read_request()))


if __name__ == "__main__":
    main()
