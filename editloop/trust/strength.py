"""What the evidence of a fix is worth: whether it was verified, or is only possible."""

from __future__ import annotations

from editloop.checks.verdict import CODELESS, CheckResult, Verdict

NO_CODE = "no code was run"
NOT_REPRODUCED = "the traceback was not reproduced"
PASSED_BEFORE = "what was run passed before too"


def doubt(before: Verdict, after: Verdict) -> str:
    """Why a fix with the verdict ``after`` is only possible, in words; "" where it was verified.

    Verified is what makes a check that runs code hold that did not hold before, by answers that are
    compared outside of the candidate's process, and not by hiding the failure. That a type checker
    has nothing to say any more is no proof: a wrong edit silences it as well.
    """
    if after.hides:
        return f"it {after.hides[0]}"
    if any(check.name == "traceback" for check in after.checks):
        return NOT_REPRODUCED
    ran = [check for check in after.checks if check.name not in CODELESS and check.total]
    if not ran:
        return NO_CODE
    failed = {check.name for check in before.checks if not check.passed}
    new = [check for check in ran if not check.kept or check.name in failed]
    if not new:
        return PASSED_BEFORE
    return "" if any(map(_is_sure, new)) else new[0].weak[0]


def _is_sure(check: CheckResult) -> bool:
    """Whether one of its items was compared with what is right, outside of the candidate."""
    return len(check.weak) < check.total
