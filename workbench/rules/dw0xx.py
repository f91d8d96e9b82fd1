"""DW0xx: the review itself."""

from collections.abc import Iterator

from workbench.evidence import Evidence
from workbench.findings import Finding, where
from workbench.rules.registry import RULES, rule


@rule("DW001", "warning", "review")
def accepted_in_vain(evidence: Evidence) -> Iterator[Finding]:
    """Accepted, and no longer there.

    What it does
        Reports an `accept` whose finding does not occur, or whose code is no rule.
    Why it is bad
        An acceptance that outlives its finding hides the next one, which nobody has looked at.
    Example
        tables:
          Orders: {partition_key: order_id, accept: {DW201: the index is filled for later}}
    Use instead
        Take the code out of `accept`. A rule that needs a run or a simulation is only judged when it has one.
    Source
        The review's own rule.
    """
    for place, code, reason in evidence.in_vain:
        known = f"which no longer occurs: {RULES[code].title}" if code in RULES else "which is no rule"
        fix = f"take {code} out of accept of {where(place)}"
        message = f"{code} is accepted ({reason}), {known}"
        yield evidence.finding("DW001", "warning", place, message, fix, accepted=code, reason=reason)
