"""Looks at the style of a graded file: pycodestyle, in a process of its own with a time limit.

That process is kept for the next file: to start it takes three times as long as to look. pycodestyle only reads.
"""
import json
import subprocess
import sys
import tempfile
import threading
import time

from coursekit.grading.report import Style
from coursekit.sandbox import printable
from helpers.given.course import ROOT

TIMEOUT = 20.0
# No settings but these: neither the user's are read nor those of a folder above.
CODE = """
import contextlib, io, json, sys, pycodestyle
sys.path.insert(0, sys.argv[1])
from helpers.given.style import alike_everywhere
alike_everywhere()
pycodestyle.USER_CONFIG = None
style = pycodestyle.StyleGuide(max_line_length=120)
for asked in sys.stdin:
    name, source = json.loads(asked)
    report, told, whole = style.init_report(), io.StringIO(), False
    with contextlib.redirect_stdout(told), contextlib.suppress(Exception):
        style.input_file(name, lines=io.TextIOWrapper(io.BytesIO(source.encode()), "utf-8").readlines())
        whole = True
    print(json.dumps([whole and not report.total_errors, told.getvalue()]), flush=True)
"""


class Looker:
    """A process that looks at one file after the other. It ends with the process that has started it."""

    def __init__(self):
        # With -I, and an empty folder to be in, no file can pass for a module of Python's.
        self.folder = tempfile.TemporaryDirectory(prefix="course-style-")
        self.process = subprocess.Popen([sys.executable, "-I", "-X", "utf8", "-c", CODE, str(ROOT)], text=True,
                                        encoding="utf-8", cwd=self.folder.name, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def look(self, source, name):
        """Returns a Style, and whether the process can be asked again."""
        started, end = time.monotonic(), threading.Timer(TIMEOUT, self.process.kill)
        end.start()
        try:
            print(json.dumps([f"{name}.py", source]), file=self.process.stdin, flush=True)
            passed, told = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):  # it has ended: of itself if Python's parser does not survive the text
            return Style("timeout" if time.monotonic() - started > TIMEOUT else "failed"), False
        finally:
            end.cancel()
        findings = [printable(line) for line in told.splitlines()]
        return Style("passed" if passed else "failed", len(findings), findings[:20]), True

    def stop(self):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()


_mine = []  # the Looker of this process, if it has one


def check_style(source, name):
    """Look at a text with pycodestyle. Returns a Style."""
    looker = _mine.pop() if _mine else Looker()
    style, goes_on = looker.look(source, name)
    if goes_on:
        _mine.append(looker)
    else:
        looker.stop()
    return style
