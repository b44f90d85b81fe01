"""A slow reader of Lean's tokens, written from src/Lean/Parser/Basic.lean function by function, with a table of tokens.

It guesses where Lean's own reading depends on the header: the table has tokens that a header may add, and strings may
all be interpolated. The lexer has to be right for every table.
"""

CORE = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "⟨",
    "⟩",
    "<-",
    "<",
    "-",
    "←",
    ":=",
    "=>",
    "⁻¹",
    "#",
    "s!",
    "'",
    "/",
    ".",
    ",",
    "!",
    "*",
]
MATHLIB = [*CORE, "⁻¹'", "''", "C(", "‖", "∑'", "#[", "@["]
BRACKETS = {"(": 1, "[": 1, "{": 1, "⟨": 1, ")": -1, "]": -1, "}": -1, "⟩": -1}


class Refused(Exception):
    """Lean reports an error here."""


class Twin:
    def __init__(self, text, table, *, interpolates):
        self.text, self.at, self.interpolates = text, 0, interpolates
        self.table = sorted(table, key=len, reverse=True)
        self.words, self.depth, self.lowest = [], 0, 0

    def char(self, offset=0):
        return self.text[self.at + offset] if self.at + offset < len(self.text) else "\0"

    def run(self):
        """Read as far as Lean does; False: it reports an error."""
        try:
            self.tokens(until=None)
        except Refused:
            return False
        return True

    def tokens(self, until):
        while True:
            self.whitespace()
            if self.at >= len(self.text):
                if until is None:
                    return
                raise Refused
            if until is not None and self.char() == until and self.depth == self.hole:
                return
            self.token()

    def whitespace(self):
        while self.at < len(self.text):
            here = self.char()
            if here in "\t\r":
                raise Refused
            if here in " \n":
                self.at += 1
            elif here == "-" and self.char(1) == "-":
                while self.at < len(self.text) and self.char() != "\n":
                    self.at += 1
            elif here == "/" and self.char(1) == "-" and self.char(2) not in "-!":
                self.at += 3  # as Lean does: the character behind the opening is not looked at
                self.comment()
            else:
                return

    def comment(self):
        nesting = 1
        while nesting:
            if self.at >= len(self.text):
                raise Refused
            pair = self.text[self.at : self.at + 2]
            nesting += {"-/": -1, "/-": 1}.get(pair, 0)
            self.at += 2 if pair in ("-/", "/-") else 1

    def token(self):
        here = self.char()
        if here == '"':
            return self.string(interpolated=self.interpolates)
        if here == "'" and self.char(1) != "'":
            return self.character()
        if here.isascii() and here.isdigit():
            return self.number()
        if here == "r" and self.text[self.at + 1 :].lstrip("#").startswith('"'):
            return self.raw()
        token = next((one for one in self.table if self.text.startswith(one, self.at)), "")
        word = self.identifier()
        if len(token) >= len(word):
            return self.symbol(token)
        self.words.append(word)
        self.at += len(word)

    def symbol(self, token):
        if not token:
            raise Refused
        self.at += len(token)
        for char in token:
            self.depth += BRACKETS.get(char, 0)
            self.lowest = min(self.lowest, self.depth)
        if token == "s!":
            self.whitespace()
            if self.char() != '"':
                raise Refused
            self.string(interpolated=True)

    def string(self, *, interpolated):
        self.at += 1
        while True:
            if self.at >= len(self.text):
                raise Refused
            here = self.char()
            self.at += 1
            if here == '"':
                return
            if here == "\\":
                self.at += 1
            if here == "{" and interpolated:
                outer = getattr(self, "hole", None)
                self.hole = self.depth
                self.tokens(until="}")
                self.hole = outer
                self.at += 1

    def character(self):
        self.at += 1
        self.at += 2 if self.char() == "\\" else 1
        if self.char() != "'":
            raise Refused
        self.at += 1

    def raw(self):
        self.at += 1
        hashes = 0
        while self.char() == "#":
            hashes, self.at = hashes + 1, self.at + 1
        end = self.text.find('"' + "#" * hashes, self.at + 1)
        if end < 0:
            raise Refused
        self.at = end + 1 + hashes

    def number(self):
        if self.char() == "0" and self.char(1) in "bBxX":
            digits = "01_" if self.char(1) in "bB" else "0123456789abcdefABCDEF_"
            self.at += 2
        else:
            digits = "0123456789_"
        while self.char() in digits:
            self.at += 1
        if digits == "0123456789_" and self.char() == ".":
            self.at += 1
            while self.char() in digits:
                self.at += 1

    def identifier(self):
        at, text = self.at, self.text + "\0"
        while True:
            if text[at] == "«":
                end = text.find("»", at)
                if end < 0:
                    raise Refused
                at = end + 1
            elif first(text[at]):
                while rest(text[at]):
                    at += 1
            else:
                return ""
            if text[at] != "." or not (first(text[at + 1]) or text[at + 1] == "«"):
                return self.text[self.at : at]
            at += 1


def first(char):
    return (char.isascii() and char.isalpha()) or char == "_" or char in "αβγℝ"


def rest(char):
    return first(char) or (char.isascii() and char.isdigit()) or char in "'!?₁₂₃"
