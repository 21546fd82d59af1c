"""Questions about a student's own file, for a demonstration: which code is asked about, and who is asked what.

The questions stand in autograde_tests/viva: `general` are for any file, NAME for that of an assignment. They are plain
data, QUESTIONS: {name: what is asked}, each with

    code: a pattern, or a list of them: see coursekit.viva.patterns. None: any line that does several things at once.
    gap: only in this function, or in the methods of this class. A list: in one of them. Default: anywhere.
    without: a pattern, or a list: only where none of them is found in the same function.
    ask, model: the question and its model answer. {found} is the code that was found, {_x} what _x stands for in it.
"""
