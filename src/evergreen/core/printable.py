"""Text of people and vendors as one line shows it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that a line of a terminal, a page and UTF-8 take as it is: what they do not is written as its code."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
