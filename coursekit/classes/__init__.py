"""A whole class: who handed in what, gradings side by side, written answers, the grade book."""
