"""Grading one submission, a file for each door in the order of the walk: what was read of it (handin), how it is asked
(ask), judged (judge) and looked at (style, notebook), its report (report), and what is told of it (tell)."""
