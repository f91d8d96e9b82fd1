"""What IAM decides: the operators, quantifiers and variables of its User Guide, and the keys that actions have."""

import pytest

from workbench.authorization import KEYS, OPERATORS, Request, decide, holds, like

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/T"
LEADING = "dynamodb:LeadingKeys"


def asked(*keys: str, action: str = "dynamodb:Query", **more) -> Request:
    return Request(action, TABLE, {LEADING: list(keys), **more})


def allow(**more) -> dict:
    return {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": TABLE, **more}


@pytest.mark.parametrize(
    ("operator", "values", "keys", "expected"),
    [  # reference_policies_condition-single-vs-multi-valued-context-keys
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["a"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a"], [], False),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], True),
        ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "c"], True),
        ("ForAllValues:StringLike", ["a#*"], ["a#1", "a#"], True),
        ("ForAllValues:StringLike", ["a#*"], ["ab#1"], False),
        ("StringNotLike", ["a*"], ["b"], True),
        ("StringNotLike", ["a*"], ["b", "ab"], False),
        ("StringEqualsIgnoreCase", ["A"], ["a"], True),
        ("StringEquals", ["A"], ["a"], False),
        ("StringEquals", ["a*"], ["ab"], False),
        ("NumericLessThan", ["10"], ["9.5"], True),
        ("NumericGreaterThanEquals", ["10"], ["9.5"], False),
        ("NumericEquals", ["10"], ["x"], False),
    ],
)
def test_an_operator_compares_as_the_guide_says(operator, values, keys, expected):
    assert holds(operator, LEADING, values, asked(*keys)) == expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [  # reference_policies_elements_condition_operators: a key that is not there
        ("StringEquals", False), ("StringLike", False), ("StringNotEquals", True), ("StringNotLike", True),
        ("StringEqualsIfExists", True), ("ForAllValues:StringEquals", True), ("ForAnyValue:StringEquals", False),
        ("Bool", False), ("BoolIfExists", True),
    ],
)  # fmt: skip
def test_a_key_that_is_not_there_is_decided_by_the_operator(operator, expected):
    assert holds(operator, "dynamodb:Select", ["x"], asked("a")) == expected


@pytest.mark.parametrize(("wanted", "present", "expected"), [("true", False, True), ("false", False, False),
                                                             ("true", True, False), ("false", True, True)])  # fmt: skip
def test_null_asks_whether_a_key_is_there(wanted, present, expected):
    assert (
        holds("Null", LEADING, [wanted], Request("dynamodb:Query", None, {LEADING: "a"} if present else {})) == expected
    )


def test_a_key_that_the_action_does_not_have_is_not_there():
    assert Request("dynamodb:Scan", TABLE, {LEADING: ["a"]}).values(LEADING) is None
    assert Request("dynamodb:Query", TABLE, {LEADING: ["a"]}).values(LEADING) == ("a",)
    assert LEADING not in KEYS["Scan"]


def test_first_partition_key_values_is_another_name_of_leading_keys():
    assert holds("ForAllValues:StringEquals", "dynamodb:FirstPartitionKeyValues", ["a"], asked("a"))
    assert not holds("ForAllValues:StringEquals", "dynamodb:FirstPartitionKeyValues", ["a"], asked("b"))


def test_an_unknown_operator_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="'StringMatches' is no condition operator; there are StringEquals"):
        holds("StringMatches", LEADING, ["a"], asked("a"))
    with pytest.raises(ValueError, match="ForSome"):
        holds("ForSome:StringEquals", LEADING, ["a"], asked("a"))
    assert len(OPERATORS) == 26  # reference_policies_elements_condition_operators, and Null


@pytest.mark.parametrize(
    ("text", "tag", "key", "expected"),
    [  # reference_policies_variables
        ("T#${aws:PrincipalTag/t}", "t1", "T#t1", True),
        ("T#${aws:PrincipalTag/t}", "t1", "T#t10", False),
        ("T#${aws:PrincipalTag/t}", None, "T#", False),
        ("T#${aws:PrincipalTag/t, 'none'}", None, "T#none", True),
        ("T#${AWS:principaltag/T}", "t1", "T#t1", True),
        ("T#${*}", "t1", "T#*", True),
        ("T#${*}", "t1", "T#t1", False),
        ("T#${$}{x}", "t1", "T#${x}", True),
    ],
)
def test_policy_variables_are_filled_from_the_request(text, tag, key, expected):
    context = {} if tag is None else {"aws:PrincipalTag/t": tag}
    for operator in ("ForAllValues:StringEquals", "ForAllValues:StringLike"):
        assert holds(operator, LEADING, [text], asked(key, **context)) == expected


def test_a_wildcard_in_a_variables_value_counts_as_one_in_patterns_alone():
    request = asked("T#t1", **{"aws:PrincipalTag/t": "t*"})
    assert holds("ForAllValues:StringLike", LEADING, ["T#${aws:PrincipalTag/t}"], request)
    assert not holds("ForAllValues:StringEquals", LEADING, ["T#${aws:PrincipalTag/t}"], request)


def test_variables_are_plain_text_in_an_old_version():
    statement = allow(Condition={"StringEquals": {LEADING: "${aws:PrincipalTag/t}"}})
    request = asked("t1", **{"aws:PrincipalTag/t": "t1"})
    assert decide({"Version": "2012-10-17", "Statement": [statement]}, request).allowed
    assert not decide({"Version": "2008-10-17", "Statement": [statement]}, request).allowed


def test_a_deny_wins_wherever_it_stands():
    deny = allow(Effect="Deny", Sid="No")
    for statements in ([allow(), deny], [deny, allow()]):
        found = decide({"Statement": statements}, asked("a"))
        assert (found.effect, found.statement) == ("explicit-deny", "No")
    assert decide([], asked("a")).effect == "implicit-deny"
    assert decide(allow(), asked("a")).statement == "1"


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Action": "DynamoDB:query"}, True),
        ({"Action": ["dynamodb:Get*", "dynamodb:Qu?ry"]}, True),
        ({"Action": "dynamodb:GetItem"}, False),
        ({"Resource": "*"}, True),
        ({"Resource": f"{TABLE}/index/*"}, False),
        ({"Resource": TABLE.lower()}, False),
        ({"NotResource": TABLE, "Resource": None}, False),
    ],
)
def test_actions_ignore_case_and_resources_do_not(elements, expected):
    statement = {k: v for k, v in allow(**elements).items() if v is not None}
    assert decide(statement, asked("a")).allowed == expected


def test_not_action_is_every_other_action():
    statement = {"Effect": "Allow", "NotAction": "dynamodb:Scan", "Resource": "*"}
    assert decide(statement, asked("a")).allowed
    assert not decide(statement, asked(action="dynamodb:Scan")).allowed


def test_a_pattern_matches_the_whole_text():
    assert like("a*c", "abc") and not like("a*c", "abcd") and like("a?c", "abc") and not like("a?c", "ac")
    assert like("a.c", "a.c") and not like("a.c", "abc")


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [  # reference_policies_elements_condition_operators
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "10.0.0.0/8", "11.0.0.0", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
        ("NotIpAddress", "10.0.0.0/8", "11.0.0.0", True),
        ("DateLessThan", "2030-01-01T00:00:00Z", "2029-12-31T23:59:59Z", True),
        ("DateLessThan", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z", False),
        ("DateLessThanEquals", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z", True),
        ("DateGreaterThan", "2030-01-01", "1893456000", False),  # the same moment
        ("DateGreaterThanEquals", "2030-01-01", "1893456000", True),
        ("DateNotEquals", "2030-01-01", "2030-01-02", True),
        ("DateEquals", "soon", "2030-01-02", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", False),
    ],
)
def test_addresses_dates_and_binaries_are_compared_as_such(operator, wanted, value, expected):
    request = Request("dynamodb:GetItem", None, {"aws:x": value})
    assert holds(operator, "aws:x", [wanted], request) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [({"Version": "2012-10-17"}, True), ({"Version": "2008-10-17"}, False), ({}, False)]
)
def test_variables_need_the_version_that_has_them(version, expected):
    # reference_policies_elements_version: without Version it is 2008-10-17, in which ${...} is text.
    statement = {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": "arn:aws:dynamodb:::table/${aws:username}",
    }
    request = Request("dynamodb:GetItem", "arn:aws:dynamodb:::table/bob", {"aws:username": "bob"})
    assert decide({**version, "Statement": [statement]}, request).allowed == expected


def test_several_policies_decide_together_and_a_deny_of_any_wins():
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    no_scan = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*"}}
    assert decide([everything, no_scan], Request("dynamodb:Scan")).effect == "explicit-deny"
    assert decide([everything, no_scan], Request("dynamodb:Query")).effect == "allow"


def test_an_action_on_no_items_has_no_leading_keys():
    # Service Authorization Reference: DescribeTable has none, so that ForAllValues is true of it.
    assert Request("dynamodb:DescribeTable", TABLE, {LEADING: ["a"]}).values(LEADING) is None
