"""A whole term: course.toml, who is who over the assignments, one exact grade for each person, the book and the pages.

Imports run one way: term -> classes -> grading.
"""
