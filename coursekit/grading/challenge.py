"""A challenge: the same hidden measure, several times, for a leaderboard. No points come of it."""
import statistics

from coursekit.grading import judge
from coursekit.sandbox import Unanswered

DRAWS = 5  # of the judge, for a spread
NAME = "challenge.{}.{}"  # of a draw: what its generator is seeded with


def entry(challenge, measure, item, student, weights, settings, seed, data):
    """What one submission achieves: a dict of plain values for the report.

    weights: their name. quantity, order: see Challenge. numbers: that the network has. value, spread: mean and standard
    deviation of the draws; None without a place. problem: why there is none.

    Args:
        challenge: a Challenge. measure: its Measure. item: what came of it. student, weights, settings, data: as for
            trained.measured. seed: of the grading.
    """
    numbers, values, problem = sum(value.numel() for value in weights.values()), [], ""
    if numbers > challenge.numbers:
        problem = f"the network has {numbers:,} numbers, and the challenge allows {challenge.numbers:,}"
    elif not item.points:
        problem = "it got no points"
    else:
        try:
            for draw in range(DRAWS):
                rng = judge.generator(seed, NAME.format(challenge.weights, draw))
                values.append(measure.function(student, weights, settings, rng, data)[challenge.quantity])
        except (AssertionError, Unanswered) as error:
            values, problem = [], f"it could not be measured {DRAWS} times: {error}"
    return {"weights": challenge.weights, "quantity": challenge.quantity, "order": challenge.order,
            "budget": f"at most {challenge.numbers:,} numbers; {challenge.budget}", "numbers": numbers,
            "value": statistics.mean(values) if values else None,
            "spread": statistics.stdev(values) if values else None, "problem": problem}
