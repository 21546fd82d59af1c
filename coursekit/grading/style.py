"""Looks at the style of a graded file: pycodestyle, in a process of its own with a time limit."""
import subprocess
import sys
import tempfile

from coursekit.grading.report import Style
from coursekit.sandbox import printable
from helpers.given.course import ROOT

TIMEOUT = 20.0
# No settings but these: neither the user's are read nor those of a folder above.
CODE = """
import io, sys, pycodestyle
sys.path.insert(0, sys.argv[2])
from helpers.given.style import alike_everywhere
alike_everywhere()
pycodestyle.USER_CONFIG = None
style = pycodestyle.StyleGuide(max_line_length=120)
style.input_file(sys.argv[1], lines=io.TextIOWrapper(sys.stdin.buffer, "utf-8").readlines())
sys.exit(style.options.report.total_errors > 0)
"""


def check_style(source, name):
    """Run pycodestyle over the text, in a process of its own with a time limit. Returns a Style."""
    # With -I, and an empty folder to be in, no file can pass for a module of Python's.
    command = [sys.executable, "-I", "-X", "utf8", "-c", CODE, f"{name}.py", str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(command, cwd=folder, input=source.encode(), capture_output=True,
                                  timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return Style("timeout")
    findings = [printable(line) for line in done.stdout.decode(errors="replace").splitlines()]
    return Style("passed" if done.returncode == 0 else "failed", len(findings), findings[:20])
