"""The chart of proofs shows, for each policy and kind of request, what it decides as it must not."""

import pytest

import workbench as wb
from workbench.pictures import alt_text
from workbench.proof_chart import proofs

SHOP = """\
name: shop
tables: {Shop: {partition_key: PK, sort_key: SK}}
fields:
  customer: {count: 20, format: "c-{}"}
  order: {per: customer, count: 3}
entities:
  Order: {key: {PK: "CUSTOMER#{customer}", SK: "ORDER#{order}"}}
access_patterns:
  orders: {operation: Query, key_condition: PK = :PK, rate: 5/s, role: shopper}
roles: {shopper: {tenant: customer}}
"""


@pytest.fixture(scope="module")
def policy():
    return wb.iam_policy(wb.parse_design(SHOP))


def drawn(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_a_policy_that_holds_has_a_tick_for_every_kind_of_request(policy):
    ax = proofs({"as generated": policy.proof})
    assert ax.get_title(loc="left") == "the policy holds"
    kinds = {case.attack for case in policy.proof.cases}
    assert drawn(ax) == ["✓"] * len(kinds) and {label.get_text() for label in ax.get_yticklabels()} == kinds


def test_attacks_that_a_policy_lets_through_are_counted_and_hatched(policy):
    first = {k: v for k, v in policy.document["Statement"][0].items() if k != "Condition"}
    open_to_all = policy.proof.against(policy.document | {"Statement": [first]})
    ax = proofs({"as generated": policy.proof, "no condition": open_to_all})
    attacks = sum(not case.expected for case in open_to_all.cases)
    found = f"no condition allows {len(open_to_all.failures)} of {attacks} attacks"
    title = ax.get_title(loc="left").replace("\n", " ")
    assert title == f"1 of 2 policies holds (as generated); {found}" and found in alt_text(ax)
    assert "1 of 1 allowed" in drawn(ax) and sum(bool(cell.get_hatch()) for cell in ax.patches) > 5


def test_requests_of_its_own_that_a_policy_denies_are_said(policy):
    nothing = policy.proof.against(policy.document | {"Statement": []})
    own = sum(case.expected for case in nothing.cases)
    ax = proofs({"empty": nothing})
    assert ax.get_title(loc="left").replace("\n", " ") == (
        f"0 of 1 policies hold; empty denies {own} of {own} requests of its own"
    )
    assert any(text.endswith("denied") for text in drawn(ax))


def test_a_chart_of_no_proof_is_refused_in_words():
    with pytest.raises(ValueError, match="no proof to draw"):
        proofs({})
