"""The rules of the review, one file per family of codes; `registry` says what a rule is.

A rule speaks only with evidence: a status index at 5 writes/s is not an error, and a partition key that rises with
time is no hot key, since keys are hashed. A false alarm counts as much as a miss.
"""

from workbench.rules import dw0xx, dw1xx, dw2xx, dw3xx, dw4xx, dw5xx, dw6xx, dw62x
from workbench.rules.registry import HEADINGS, RULES, Rule, explain, rule, rules_page

FAMILY_MODULES = (dw0xx, dw1xx, dw2xx, dw3xx, dw4xx, dw5xx, dw6xx, dw62x)
__all__ = ["FAMILY_MODULES", "HEADINGS", "RULES", "Rule", "explain", "rule", "rules_page"]
