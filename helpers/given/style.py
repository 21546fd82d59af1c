"""`python -m helpers.given.style [OPTION...] PATH...`: pycodestyle, with the same findings on every Python.

From Python 3.12 on, pycodestyle looks into the braces of f-strings, too: f"{x+y}" is a finding there, and none on 3.11.
Here an f-string is one string everywhere, so that a file is judged alike where it is written and where it is graded.
"""
import tokenize

import pycodestyle


def whole_strings(readline, tokens=tokenize.generate_tokens):
    """The tokens of a file, with each f-string as one of them, as before Python 3.12."""
    lines, depth, start = [], 0, None

    def read():
        lines.append(readline())
        return lines[-1]

    for token in tokens(read):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            start, depth = start if depth else token.start, depth + 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
            if not depth:
                (top, left), (bottom, right) = start, token.end
                line = "".join(lines[top - 1:bottom])
                text = line[left:len(line) - len(lines[bottom - 1]) + right]
                yield tokenize.TokenInfo(tokenize.STRING, text, start, token.end, line)
        elif not depth:
            yield token


def alike_everywhere():
    """Make pycodestyle take f-strings for strings."""
    pycodestyle.tokenize.generate_tokens = whole_strings


if __name__ == "__main__":
    alike_everywhere()
    pycodestyle._main()
