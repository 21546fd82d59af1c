"""What lives in the sandbox beside the student's code, and nothing else of the instructor's edition: it is copied there
whole, as a package of its own. Its modules import each other, Python's library and torch."""
