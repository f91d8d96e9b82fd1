"""A policy given as JSON is reviewed: each rule speaks of its own example, and not of the policy that is generated."""

import json

import pytest

from tests.designs import design
from tests.test_policies import SHOP
from workbench.policies import iam_policy
from workbench.policyreview import review_policy
from workbench.rules import RULES

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/Shop"
POLICY_RULES = sorted(code for code, rule in RULES.items() if rule.needs == "policy")


def policy(**statement) -> dict:
    usual = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE}
    return {"Version": "2012-10-17", "Statement": [{**usual, **statement}]}


def keyed(*values: str, operator: str = "ForAllValues:StringLike", guard: bool = True) -> dict:
    null = {"Null": {"dynamodb:LeadingKeys": "false"}} if guard else {}
    return {operator: {"dynamodb:LeadingKeys": list(values)}, **null}


def codes(*arguments) -> list[str]:
    return [finding.code for finding in review_policy(*arguments)]


@pytest.fixture(scope="module")
def shop():
    return design(SHOP)


def test_policies_have_nine_rules():
    assert [f"DW62{n}" for n in range(1, 10)] == POLICY_RULES


@pytest.mark.parametrize("code", [c for c in POLICY_RULES if c not in ("DW624", "DW629")])
def test_a_rule_finds_its_own_example(code):
    example = json.loads(RULES[code].sections["Example"])
    document = example if "Statement" in example else {"Version": "2012-10-17", "Statement": [example]}
    assert code in codes(document)


@pytest.mark.parametrize("code", ["DW624", "DW629"])
def test_what_needs_the_design_is_found_with_it(shop, code):
    assert code in codes(policy(Action="dynamodb:Query"), shop, "shopper")
    assert code not in codes(policy(Action="dynamodb:Query"))


@pytest.mark.parametrize("role", ["shopper", "job"])
def test_a_generated_policy_has_no_findings(shop, role):
    generated = iam_policy(shop, role)
    assert codes(generated.to_json(), shop, role) == []
    elsewhere = iam_policy(shop, role, region="eu-central-1", account="999999999999")
    assert codes(elsewhere.document, shop, role) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        ("", "no JSON"),
        ("[\n]", "a policy is an object"),
        ('{"Version": "2012-10-17"}', "Statement is missing or empty"),
        ('{"Version": "2021-10-17", "Statement": []}', "Version '2021-10-17'"),
        ('{"Statement": {"Effect": "Permit", "Action": "a:b", "Resource": "*"}}', "Effect 'Permit': Allow or Deny"),
        ('{"Statement": {"Effect": "Allow", "Actions": "a:b", "Resource": "*"}}', "Actions is no element"),
        ('{"Statement": "all"}', "Statement is missing or empty"),
        ('{"Statement": ["all"]}', "is no object"),
        (
            '{"Statement": {"Effect": "Deny", "Action": "a", "Resource": "*", "Condition": {"Like": {}}}}',
            "'Like' is no",
        ),
    ],
)
def test_what_iam_does_not_take_is_said_with_its_place(text, said):
    (found,) = [f for f in review_policy(text) if f.code == "DW621"][-1:]
    assert said in "; ".join(f.message for f in review_policy(text) if f.code == "DW621")
    assert found.severity == "error"


@pytest.mark.parametrize("action", ["dynamodb:*", "*", "dynamodb:Get*", "Dynamodb:*"])
def test_actions_by_pattern_are_found(action):
    assert codes(policy(Action=action)) == ["DW622"]


def test_other_services_are_left_alone():
    assert codes(policy(Action="s3:*", Resource="*")) == []


@pytest.mark.parametrize("resource", ["*", "arn:aws:dynamodb:*:*:table/*", "arn:aws:dynamodb:us-east-1:*:*"])
def test_every_table_is_found(resource):
    assert codes(policy(Resource=resource)) == ["DW623"]


def test_a_scan_under_leading_keys_is_found_unless_it_is_guarded():
    both = ["dynamodb:Query", "dynamodb:Scan"]
    assert codes(policy(Action=both, Condition=keyed("u1", guard=False))) == ["DW625", "DW626"]
    assert codes(policy(Action=both, Condition=keyed("u1"))) == []
    assert codes(policy(Action="dynamodb:Scan")) == []


def test_partiql_needs_full_scans_denied():
    select = policy(Action="dynamodb:PartiQLSelect", Condition=keyed("u1", guard=False))
    assert "DW625" in codes(select)
    deny = {"Effect": "Deny", "Action": "dynamodb:PartiQLSelect", "Resource": TABLE}
    deny["Condition"] = {"Bool": {"dynamodb:FullTableScan": "true"}}
    select["Statement"].append(deny)
    assert "DW625" not in codes(select)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("T#${aws:userid}*", True),
        ("T#${aws:userid}#*", False),
        ("*${aws:userid}", True),
        ("*#${aws:userid}${*}", False),
    ],
)
def test_a_wildcard_that_touches_the_id_is_found(value, found):
    assert ("DW627" in codes(policy(Condition=keyed(value)))) == found


def test_a_condition_on_one_key_of_several_is_found():
    assert codes(policy(Condition=keyed("u1", operator="StringEquals"))) == ["DW626"]


def test_a_file_is_read_and_a_missing_one_is_an_error(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy(Resource="*")), encoding="utf-8")
    assert codes(path) == codes(str(path)) == ["DW623"]
    with pytest.raises(FileNotFoundError):
        review_policy(tmp_path / "none.json")


def test_the_role_must_be_the_designs(shop):
    with pytest.raises(ValueError, match="no role 'admin'"):
        review_policy(policy(), shop, "admin")


def test_policies_that_do_too_much_are_counted(shop):
    wide = policy(Action=["dynamodb:Query", "dynamodb:PutItem"])
    (too_much,) = [f for f in review_policy(wide, shop, "shopper") if f.code == "DW629" and "attacks" in f.message]
    assert "another tenant" in too_much.message
    assert too_much.evidence["requests"] > 20


def test_conditions_on_where_and_when_are_taken_as_met_and_said(shop):
    generated = json.loads(iam_policy(shop, "job").to_json())
    for statement in generated["Statement"]:
        condition = statement.setdefault("Condition", {})
        condition["IpAddress"] = {"aws:SourceIp": "203.0.113.0/24"}
        condition["DateLessThan"] = {"aws:CurrentTime": "2030-01-01T00:00:00Z"}
    deny = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    }
    generated["Statement"].append(deny)
    found = review_policy(generated, shop, "job")
    assert [finding.code for finding in found] == []
    assert found.notes == (
        "taken as met, since the design says nothing of it: IpAddress aws:SourceIp, DateLessThan aws:CurrentTime, "
        "NotIpAddress aws:SourceIp",
    )
    assert review_policy(generated).notes == ()


def test_a_policy_without_version_has_no_variables_for_any_rule(shop):
    generated = json.loads(iam_policy(shop, "shopper").to_json())
    del generated["Version"]
    assert {"DW628", "DW629"} <= set(codes(generated, shop, "shopper"))
