"""How the hidden checks ask a submission: what they see of it, and how long it may take."""
from coursekit.sandbox import Unanswered

# Seconds that the student's process has, without those in which it waits for the machine (guest.machine.Watch).
LOAD_TIMEOUT = 15.0  # to import a student's file
CALL_TIMEOUT = 10.0  # for each observation
QUICK_TIMEOUT = 2.0  # the same in the process that is asked everything first
TOTAL_TIMEOUT = 120.0  # for all observations together, after the first import


class Student:
    """What a hidden check sees of a submission: `observe` and nothing else.

    Args:
        ask: function (probe, inputs, timeout) -> observation, such as that of a sandbox.Session.
        limit: seconds for each observation.
        left: function () -> seconds for all that is still to come.
    """

    def __init__(self, ask, limit=CALL_TIMEOUT, left=lambda: TOTAL_TIMEOUT):
        self._ask, self._limit, self._left = ask, limit, left

    def observe(self, probe, **inputs):
        """Run a probe beside the student's code. Inputs and what is returned are trees (guest.wire): tensors and plain
        values in lists and dicts. Raises as Sandbox.observe does."""
        return self._ask(probe, inputs, self.seconds())

    def seconds(self):
        """For the next observation. Raises Unanswered if nothing is left."""
        left = self._left()
        if left <= 0:
            raise Unanswered("timeout", f"the time for all checks together is used up ({TOTAL_TIMEOUT:g} seconds)")
        return min(self._limit, left)
