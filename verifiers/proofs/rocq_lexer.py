"""Sentences of a Rocq text, by Rocq's own rules, and stricter where those depend on what was declared before.

A sentence ends with ``.`` or ``...`` before a blank; bullets and braces are sentences of their own. Comments nest and
hold strings; they are taken out, and only what is left is ever sent. Rocq's own reading of them depends on its table of
tokens: because ``.(`` is one, it takes ``foo.(* x. Admitted. *)`` for three sentences. Where a dot could be read in
more than one way the text is refused instead of guessed at.

Source:   clib, clexer.ml of Coq 8.16 (next_token, comment, string, parse_after_dot).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

BLANKS = " \t\n\r"
# Symbols, punctuation, marks and digits of mathematics besides letters. Spaces other than the four blanks, controls
# and format characters (bidirectional overrides, zero width) are read by nobody the same way.
ALLOWED_CATEGORIES = ("L", "M", "N", "S", "P")
UNUSUAL = re.compile(r"[^\x20-\x7e\t\n\r]")
STRING = re.compile(r'"(?:[^"]|"")*+"')
COMMENT_OR_STRING = re.compile(r'\(\*|"')
COMMENT_OR_STRING_OR_END = re.compile(r'\(\*|\*\)|"')
DOTS_OR_STRING = re.compile(r'\.+|"')
NOT_LINE_END = re.compile(r"[^\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a text, with comments replaced by blanks."""

    text: str
    start: int  # offset of its first character

    @property
    def is_bullet(self) -> bool:
        return not self.text.endswith(".")


class Unreadable(Exception):
    """The text can not be cut into sentences with certainty."""

    def __init__(self, rule: str, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.rule, self.message, self.offset = rule, message, offset


def position(text: str, offset: int) -> str:
    """Line and column, both from 1."""
    before = text[:offset]
    return f"line {before.count(chr(10)) + 1}, column {offset - before.rfind(chr(10))}"


def sentences(text: str) -> list[Sentence]:
    """All sentences of ``text``; the last one has to be ended, too.

    Raises:   Unreadable: a character, comment, string or dot whose reading is not certain, or no end.
    """
    code = without_comments(text)
    found, start = [], _skip_blanks(code, 0)
    while start < len(code):
        end = _opening(code, start) or _end(code, start)
        found.append(Sentence(text=code[start:end], start=start))
        start = _skip_blanks(code, end)
    return found


def without_comments(text: str) -> str:
    """``text`` with every character of a comment replaced by a blank (line ends stay): offsets are the same.

    Raises:   Unreadable: as ``sentences``, but for dots.
    """
    for unusual in UNUSUAL.finditer(text):
        character = unusual[0]
        if not unicodedata.category(character).startswith(ALLOWED_CATEGORIES):
            message = f"the character U+{ord(character):04X} is not allowed"
            raise Unreadable("character", message, offset=unusual.start())
    kept, offset = [], 0
    while found := COMMENT_OR_STRING.search(text, offset):
        start = found.start()
        kept.append(text[offset:start])
        if found[0] == '"':
            offset = _string_end(text, start)
            kept.append(text[start:offset])
        else:
            offset = _comment_end(text, start)
            kept.append(NOT_LINE_END.sub(" ", text[start:offset]))
    return "".join([*kept, text[offset:]])


def _comment_end(text: str, start: int) -> int:
    depth, offset = 1, start + 2
    while depth:
        found = COMMENT_OR_STRING_OR_END.search(text, offset)
        if not found:
            raise Unreadable("unterminated-comment", "a comment is not closed", offset=start)
        offset = _string_end(text, found.start()) if found[0] == '"' else found.end()
        depth += {"(*": 1, "*)": -1}.get(found[0], 0)
    return offset


def _string_end(text: str, start: int) -> int:
    if string := STRING.match(text, start):
        return string.end()
    raise Unreadable("unterminated-string", "a string is not closed", offset=start)


def _opening(code: str, start: int) -> int:
    """The end of a bullet or brace at ``start``; 0: there is none."""
    character = code[start]
    if character in "{}":
        return start + 1
    if character not in "-+*":
        return _selected_brace(code, start)
    end = start
    while end < len(code) and code[end] == character:
        end += 1
    return end


def _selected_brace(code: str, start: int) -> int:
    """The end of ``2: {`` or ``[goal]: {``; 0: there is none."""
    offset = start
    if code[offset] == "[":
        offset += 1
        while offset < len(code) and (_in_name(code[offset]) or code[offset] in BLANKS):
            offset += 1
        if offset >= len(code) or code[offset] != "]":
            return 0
        offset += 1
    else:
        while offset < len(code) and code[offset] in "0123456789":
            offset += 1
        if offset == start:
            return 0
    offset = _skip_blanks(code, offset)
    if offset >= len(code) or code[offset] != ":":
        return 0
    offset = _skip_blanks(code, offset + 1)
    return offset + 1 if offset < len(code) and code[offset] == "{" else 0


def _end(code: str, start: int) -> int:
    """Behind the dot that ends the sentence at ``start``."""
    offset = start
    while found := DOTS_OR_STRING.search(code, offset):
        if found[0] == '"':
            offset = _string_end(code, found.start())
            continue
        offset = found.end()
        dots, after = len(found[0]), code[offset : offset + 1] or " "
        if dots in (1, 3) and after in BLANKS:
            return offset
        _inner_dot(code, found.start(), dots=dots, after=after)
    raise Unreadable("unterminated-sentence", "the last sentence does not end with a dot", offset=start)


def _inner_dot(code: str, offset: int, *, dots: int, after: str) -> None:
    """Of a qualified name, a decimal number, a projection, or ``..`` in ``[ a | .. ]``."""
    before = code[offset - 1] if offset else " "
    named = dots == 1 and (after == "_" or after.isalpha())
    decimal = dots == 1 and before.isdecimal() and after.isdecimal()
    projection = dots == 1 and after == "("
    several = dots == 2 and after in f"{BLANKS}]|"
    if not (named or decimal or projection or several):
        raise Unreadable("dot", f"a dot before {after!r} has no certain reading", offset=offset)


def _in_name(character: str) -> bool:
    return character in "_'" or character.isalnum()


def _skip_blanks(code: str, offset: int) -> int:
    while offset < len(code) and code[offset] in BLANKS:
        offset += 1
    return offset


def names(sentence: str) -> Iterator[str]:
    """The words of a sentence outside its strings, qualified names in one piece."""
    offset = 0
    while offset < len(sentence):
        character = sentence[offset]
        if character == '"':
            offset = _string_end(sentence, offset)
        elif character == "_" or character.isalpha():
            start = offset
            while offset < len(sentence) and (_in_name(sentence[offset]) or _joins(sentence, offset)):
                offset += 1
            yield sentence[start:offset]
        else:
            offset += 1


def _joins(sentence: str, offset: int) -> bool:
    after = sentence[offset + 1 : offset + 2]
    return sentence[offset] == "." and (after == "_" or after.isalpha())
