"""github.json, for GitHub's autograding-grading-reporter."""
from coursekit.grading.tell.points import outcomes


def github(report, written=()):
    """The result that a grader step hands to GitHub's autograding-grading-reporter (there as base64 of this JSON)."""
    tests = [{"name": name, "status": "pass" if passed else "fail", "score": got, "message": text or None,
              "test_code": "", "filename": f"helpers/{report.assignment}.py", "line_no": 0, "execution_time": "0s"}
             for name, passed, got, _, text in outcomes(report, written)]
    return {"version": 1, "status": "pass" if all(test["status"] == "pass" for test in tests) else "fail",
            "max_score": sum(most for *_, most, _ in outcomes(report, written)), "tests": tests}
