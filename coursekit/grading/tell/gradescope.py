"""results.json, for Gradescope."""
from coursekit.grading.tell.points import outcomes


def gradescope(report, written=()):
    """The results.json of a Gradescope autograder (gradescope-autograders.readthedocs.io, "Output format")."""
    style, notebook = report.style, report.notebook
    tests = [{"name": name, "score": got, "max_score": most, "status": "passed" if passed else "failed",
              "output": text, "output_format": "text"} for name, passed, got, most, text in outcomes(report, written)]
    return {"score": report.total(written)[0], "execution_time": round(report.seconds),
            "output": "\n".join([*report.notes, f"Style: {style.count} findings.", *style.findings,
                                 f"Notebook: {notebook.status}.", *notebook.failed]),
            "output_format": "text", "stdout_visibility": "hidden", "tests": tests,
            "extra_data": {"isolated": report.isolated}}
