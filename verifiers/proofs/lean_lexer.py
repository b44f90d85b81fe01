"""Lean text as tokens, by Lean's own rules: what is code, and what only looks like it.

Where two versions of Lean, or a notation of the header, could read the same characters differently, the text is refused
instead of guessed at: a lexer that believes a bracket to be inside a string can be led out of the statement.

Source: src/Lean/Parser/Basic.lean of leanprover/lean4: whitespace, tokenFn and what they call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Letters of identifiers in every Lean 4 there is; later ones know more, which we then read as symbols. λ Π Σ are none.
_GREEK = "\u0391-\u039f\u03a1\u03a2\u03a4-\u03a9\u03b1-\u03ba\u03bc-\u03fb"
_FIRST = rf"A-Za-z_{_GREEK}\u1f00-\u1ffe\u2100-\u214f\U0001d49c-\U0001d59f"
_REST = rf"{_FIRST}0-9'!?\u2080-\u2089\u2090-\u209c\u1d62-\u1d6a"
_PART = rf"(?:[{_FIRST}][{_REST}]*|«[^»\n]+»)"
_WORD = re.compile(rf"{_PART}(?:\.{_PART})*")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9_]+)?"
)
_SPACE = re.compile(r"[ \n]+")
_LINE_COMMENT = re.compile(r"--[^\n]*")
_COMMENT_EDGE = re.compile(r"/-|-/")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_STRING_PIECE = re.compile(r'(?:[^"\\{]|\\.)*', re.DOTALL)
_RAW_START = re.compile(r'r(#*)"')
_CHAR = re.compile(r"'(?:[^\\'\n]|\\(?:[\\\"'rnt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}))'")

_CLOSERS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⦃": "⦄"}
_OPENERS = {closer: opener for opener, closer in _CLOSERS.items()}
# After these a token begins, whatever tokens a header has added.
_CLEAR_BEFORE = frozenset(" \n,;([{⟨⦃")
_INTERPOLATED = frozenset({"s!", "m!", "f!"})
# Beyond what anyone writes, and below what overflows the stack of Lean's own parser.
MAX_DEPTH = 400


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"  # an identifier or keyword with its dots, «» included
    NUMBER = "number"
    STRING = "string"
    CHAR = "char"
    SYMBOL = "symbol"  # one character
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``start`` and ``end`` are offsets in the text, ``depth`` counts the brackets around it."""

    kind: Kind
    text: str
    start: int
    end: int
    depth: int


class LexError(Exception):
    """Text that Lean refuses, or might read in two ways; ``rule`` is a short word."""

    def __init__(self, rule: str, problem: str, offset: int) -> None:
        super().__init__(problem)
        self.rule, self.problem, self.offset = rule, problem, offset


def tokens(text: str) -> list[Token]:
    """The tokens of ``text`` without comments; brackets match in the end.

    Raises:   LexError: as there. Its rule is "escape" where a bracket closes that the text did not open.
    """
    return _Lexer(text).run()


def position(text: str, offset: int) -> str:
    """An offset for people, counted as Lean does: lines from 1, columns from 0."""
    line_start = text.rfind("\n", 0, offset) + 1
    return f"{text.count(chr(10), 0, offset) + 1}:{offset - line_start}"


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tokens: list[Token] = []
        self._open: list[
            tuple[str, int, bool]
        ] = []  # opener, where, and whether it is a hole of an interpolated string

    def run(self) -> list[Token]:
        text = self._text
        while self._at < len(text):
            if match := _SPACE.match(text, self._at):
                self._at = match.end()
            elif match := _WORD.match(text, self._at):
                self._word(match)
            elif text[self._at] in "-/" and text.startswith(("--", "/-"), self._at):
                self._comment()
            else:
                self._other(text[self._at])
        if self._open:
            opener, offset, _ = self._open[-1]
            raise LexError("unterminated-bracket", f"{opener} is never closed", offset)
        return self._tokens

    def _add(self, kind: Kind, end: int) -> None:
        self._tokens.append(Token(kind, self._text[self._at : end], self._at, end, len(self._open)))
        self._at = end

    def _glued(self) -> Token | None:
        """The token that ends right here."""
        last = self._tokens[-1] if self._tokens else None
        return last if last is not None and last.end == self._at else None

    def _is_clear(self) -> bool:
        return self._at == 0 or self._text[self._at - 1] in _CLEAR_BEFORE

    def _word(self, match: re.Match[str]) -> None:
        glued = self._glued()
        if glued is not None and glued.kind is Kind.NUMBER:
            raise LexError("glued", "a word begins right after a number; put a space between", self._at)
        if raw := _RAW_START.match(self._text, self._at):
            return self._raw_string(raw)
        if match.group() in _INTERPOLATED and self._text.startswith('"', match.end()):
            if not self._is_clear():
                raise LexError("glued", "put a space before an interpolated string", self._at)
            self._at = match.end() + 1
            return self._interpolated()
        self._add(Kind.WORD, match.end())

    def _other(self, char: str) -> None:
        if char.isdigit() and (match := _NUMBER.match(self._text, self._at)):
            self._add(Kind.NUMBER, match.end())
        elif char == '"':
            self._string()
        elif char == "'":
            self._quote()
        elif char in _CLOSERS:
            if len(self._open) >= MAX_DEPTH:
                raise LexError("depth", f"more than {MAX_DEPTH} brackets inside each other", self._at)
            self._add(Kind.OPEN, self._at + 1)
            self._open.append((char, self._at - 1, False))
        elif char in _OPENERS:
            self._close(char)
        elif char == "\t" or char < " " or char == "\x7f":
            raise LexError("control-character", f"Lean does not allow the character {char!r} here", self._at)
        elif char in "«»":
            raise LexError("unterminated-name", f"{char} without its partner on the same line", self._at)
        else:
            self._add(Kind.SYMBOL, self._at + 1)

    def _close(self, char: str) -> None:
        if not self._open:
            raise LexError("escape", f"{char} closes a bracket that the proof did not open", self._at)
        opener, offset, hole = self._open[-1]
        if _CLOSERS[opener] != char:
            where = position(self._text, offset)
            raise LexError("unbalanced-bracket", f"{char} does not close the {opener} at {where}", self._at)
        self._open.pop()
        self._add(Kind.CLOSE, self._at + 1)
        if hole:
            self._interpolated()

    def _comment(self) -> None:
        glued = self._glued()
        if glued is not None and glued.kind is Kind.SYMBOL and glued.text not in ",;":
            raise LexError("ambiguous-comment", f"put a space between {glued.text} and the comment", self._at)
        if match := _LINE_COMMENT.match(self._text, self._at):
            self._at = match.end()
            return
        if self._text[self._at + 2 : self._at + 3] in ("-", "!"):
            raise LexError("doc-comment", "a documentation comment has no place in a proof; use /- or --", self._at)
        if self._text.startswith("/-/", self._at):
            raise LexError("ambiguous-comment", "versions of Lean read /-/ differently; put a space after /-", self._at)
        self._block_comment()

    def _block_comment(self) -> None:
        start, depth, at = self._at, 1, self._at + 2
        while depth:
            match = _COMMENT_EDGE.search(self._text, at)
            if match is None:
                raise LexError("unterminated-comment", "the comment is never closed", start)
            depth += 1 if match.group() == "/-" else -1
            at = match.end()
        self._at = at

    def _string(self) -> None:
        glued = self._glued()
        if glued is not None and glued.kind in (Kind.WORD, Kind.NUMBER, Kind.CHAR):
            raise LexError("glued", f"put a space between {glued.text[:40]} and the string", self._at)
        match = _STRING.match(self._text, self._at)
        if match is None:
            raise LexError("unterminated-string", "the string is never closed", self._at)
        if "{" in match.group(1):
            raise LexError("string-brace", "a brace in a string may be read as interpolation", self._at)
        self._add(Kind.STRING, match.end())

    def _interpolated(self) -> None:
        """Go on in the text of an interpolated string until its end or its next hole."""
        start = self._at
        match = _STRING_PIECE.match(self._text, self._at)
        end = match.end() if match else self._at
        if self._text.startswith("{", end):
            if len(self._open) >= MAX_DEPTH:
                raise LexError("depth", f"more than {MAX_DEPTH} brackets inside each other", end)
            self._at = end
            self._add(Kind.OPEN, end + 1)
            self._open.append(("{", end, True))
        elif self._text.startswith('"', end):
            self._add(Kind.STRING, end + 1)
        else:
            raise LexError("unterminated-string", "the string is never closed", start)

    def _raw_string(self, start: re.Match[str]) -> None:
        if not self._is_clear():
            raise LexError("glued", "put a space before a raw string", self._at)
        closer = '"' + start.group(1)
        end = self._text.find(closer, start.end())
        if end < 0:
            raise LexError("unterminated-string", "the raw string is never closed", self._at)
        # Without a backslash it ends in the same place for a Lean that does not know raw strings.
        if not start.group(1) and "\\" in self._text[start.end() : end]:
            raise LexError("ambiguous-string", 'use r#"..."# where there is a backslash', self._at)
        self._add(Kind.STRING, end + len(closer))

    def _quote(self) -> None:
        """A character literal, or a quote that is part of a symbol such as ⁻¹' or ''."""
        if self._text.startswith("''", self._at):
            if self._text[self._at + 2 : self._at + 3] not in ("", " ", "\n"):
                raise LexError("ambiguous-character", "put a space behind two quotes", self._at)
            return self._add(Kind.SYMBOL, self._at + 2)
        literal = _CHAR.match(self._text, self._at)
        if literal is None and self._is_clear():
            raise LexError("unterminated-character", "the character literal is not closed", self._at)
        if literal is None:
            return self._add(Kind.SYMBOL, self._at + 1)
        if not self._is_clear():  # ⁻¹' and a name, or ⁻¹ and a character?
            raise LexError("ambiguous-character", "put a space before a character literal", self._at)
        self._add(Kind.CHAR, literal.end())
