"""What the platforms take: a file for each, which also says where this was looked up.

`table` is what `gradebook` writes beside the grade book; `fill` completes the platform's own file, `pack` makes an
archive (`./course grades`). All work on the rows of `gradebook.records`.
"""
