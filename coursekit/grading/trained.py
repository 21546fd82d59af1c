"""Judges trained weights by a hidden measure (autograde_tests.trained): what it found, in words and points."""
from autograde_tests.trained import NotMeasured
from coursekit.grading.report import Item
from coursekit.sandbox import SandboxError, Unanswered, printable

MESSAGE_LIMIT = 1000  # characters: it may quote what the student's code returned
NOT_MEASURED = "not measured: {}. Your instructor has to look"


def measured(measure, student, weights, settings, rng, data):
    """The Item of one measure.

    Args:
        measure: a Measure. student: the ask.Student whose every observation has a process of its own.
        weights: tensors by name. settings: what the network is made with. rng, data: see Measure.
    Raises:
        SandboxError: of the sandbox. There is no judgement.
    """
    try:
        found = measure.function(student, weights, settings, rng, data)
        points = next((points for points, limits in measure.steps
                       if all(limit.holds(found[name]) for name, limit in limits.items())), 0)
        status, message = "passed" if points == measure.points else "failed", in_words(found, measure.steps[0][1])
    except AssertionError as error:
        points, status, message = 0, "failed", str(error)
    except NotMeasured as error:
        points, status, message = 0, "open", NOT_MEASURED.format(str(error).rstrip("."))
    except Unanswered as error:
        points, status, message = 0, error.kind, str(error).removeprefix("UserError: ")  # of ours, in words
    except SandboxError:
        raise
    except Exception as error:
        # No code of the student's runs here: the measure did not count on what came.
        where = f"{type(error).__name__} in {measure.function.__name__}"
        points, status = 0, "open"
        message = NOT_MEASURED.format(f"the measure itself failed on what came ({where})")
    hint = "" if status in ("passed", "open", "missing") else measure.hint
    return Item(points, measure.points, status, printable(message)[:MESSAGE_LIMIT], hint)


def in_words(found, limits):
    """What was found, with what full points need: "negative ELBO on test images 104.2 (full points: at most 120)"."""
    return ", ".join(f"{name} {value:.4g}" + (f" (full points: {limits[name]})" if name in limits else "")
                     for name, value in found.items())
