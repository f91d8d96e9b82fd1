"""The review of an IAM policy: what it grants beyond what is meant, alone or against the design that it is for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.design import Design
from workbench.findings import Review, ordered
from workbench.grants import role_of
from workbench.items import design_of
from workbench.policytexts import read_policy, surroundings
from workbench.rules import RULES


def review_policy(
    policy: "str | Path | Mapping[str, Any]", design: Design | None = None, role: str | None = None
) -> Review:
    """What is wrong with a policy, as JSON text, as a file, or parsed: findings DW621 to DW629, worst first.

    With a design and a role it is also tried with the requests that the role's access patterns make, and with attacks.
    ValueError for a role that the design does not have; FileNotFoundError for a file that is not there.
    """
    if design is not None:
        design = design_of(design)
        role_of(design, role)
    read = read_policy(policy, design, role)
    asked: list[Any] = [found for found in RULES.values() if found.needs == "policy"]
    findings = [one for each in asked for one in each.check(read)]
    met = surroundings(read) if design is not None else []
    notes = (f"taken as met, since the design says nothing of it: {', '.join(met)}",) if met else ()
    return Review(read.name, ordered(findings), notes=notes)
