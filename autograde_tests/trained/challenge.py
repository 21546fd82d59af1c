"""What networks compete in, where the instructor switches a challenge on."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Challenge:
    """The challenge of an assignment, CHALLENGE of its file here.

    weights: whose Measure it is. quantity: of this measure, what counts. order: "asc" if less is better, else "desc".
    numbers: the most that the network may have. budget: what else is fixed, in words: what the judge does is, what
    somebody did before is their word.
    """

    weights: str
    quantity: str
    order: str
    numbers: int
    budget: str
