"""A generated policy allows what a role's access patterns need, and its proof fails when any condition is changed."""

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.designs import SHIPPED_DESIGNS, design
from workbench.authorization import POSITIONS, Request, decide
from workbench.design import Design
from workbench.designfile import load_design
from workbench.keys import KeyTemplate
from workbench.policies import Policy, iam_policy
from workbench.proofs import Proof, prove_policy, table_arn

SHOP = """\
tables:
  Shop: {partition_key: PK, sort_key: SK, gsi: {byStatus: {partition_key: GPK, sort_key: SK}}}
  Carts: {partition_key: customer, sort_key: product}
fields:
  customer: {count: 50}
  order: {per: customer, count: 1..9, type: uuid}
  product: {count: 20}
entities:
  Order:
    table: Shop
    key: {PK: "CUSTOMER#{customer}", SK: "ORDER#{order}", GPK: "C#{customer}#{status}"}
    attributes: {status: [OPEN, DONE], note: text(9), amount: 1..9}
  Line: {table: Shop, key: {PK: "CUSTOMER#{customer}#O#{order}", SK: "P#{product}"}, items: 300, attributes: {n: 1..3}}
  Product: {table: Shop, key: {PK: "PRODUCT#{product}", SK: META}, attributes: {title: text(4)}}
  Invoice: {table: Shop, key: {PK: "INVOICE#{order}", SK: META}}
  Cart: {table: Carts, items: 100, attributes: {n: 1..9}}
roles:
  shopper: {tenant: customer}
  job: {}
access_patterns:
  list: {operation: Query, entity: Order, key_condition: PK = :PK, projection: "SK, amount", role: shopper}
  count: {operation: Query, entity: Line, key_condition: PK = :PK, select: COUNT, role: shopper}
  open: {operation: Query, index: byStatus, entity: Order, key_condition: GPK = :GPK, role: shopper}
  product: {operation: GetItem, entity: Product, projection: title, role: shopper}
  products: {operation: BatchGetItem, entity: Product, count: 5, role: shopper}
  cart: {operation: Query, entity: Cart, key_condition: customer = :customer, role: shopper}
  put-in: {operation: BatchWriteItem, entity: Cart, count: 3, role: shopper}
  done: {operation: UpdateItem, entity: Order, update: "SET #status = :done", values: {done: DONE}, role: shopper}
  buy:
    operation: TransactWriteItems
    role: shopper
    actions:
      - {operation: Put, entity: Order}
      - {operation: Put, entity: Line}
      - {operation: ConditionCheck, entity: Product, condition: attribute_exists(PK)}
  invoice: {operation: GetItem, entity: Invoice, role: shopper}
  search: {operation: Scan, entity: Order, role: shopper}
  export: {operation: Scan, entity: Order, role: job}
  restock: {operation: PutItem, entity: Product, role: job}
"""
TAG = "aws:PrincipalTag/customer"


@pytest.fixture(scope="module")
def shop() -> Design:
    return design(SHOP)


@pytest.fixture(scope="module")
def shopper(shop) -> Policy:
    return iam_policy(shop, "shopper")


def allowed(policy: Policy, action: str, key: str | list[str], caller: str = "t1", **more: str) -> bool:
    """Whether a policy allows a caller an action on the table Shop, or on its index."""
    index = more.pop("index", "")
    arn = table_arn("Shop") + (f"/index/{index}" if index else "")
    context: dict[str, Any] = {TAG: caller, "dynamodb:LeadingKeys": key}
    context |= {f"dynamodb:{name}": value for name, value in more.items()}
    return decide(policy.document, Request(f"dynamodb:{action}", arn, context)).allowed


def test_a_role_gets_the_keys_of_its_own_tenant(shopper):
    assert allowed(shopper, "Query", "C#t1#OPEN", index="byStatus")
    assert allowed(shopper, "PutItem", "CUSTOMER#t1", EnclosingOperation="TransactWriteItems")


@pytest.mark.parametrize("other", ["t2", "t10", "t*", "t?", "", "t"])
def test_a_role_gets_no_keys_of_another_tenant(shopper, other):
    assert not allowed(shopper, "Query", f"C#{other}#OPEN", index="byStatus")
    assert not allowed(shopper, "PutItem", f"CUSTOMER#{other}", EnclosingOperation="TransactWriteItems")


@pytest.mark.parametrize("caller", ["t*", "t?", "*", "?1"])
def test_a_caller_whose_id_reads_as_a_pattern_gets_nothing_by_it(shopper, caller):
    assert not allowed(shopper, "Query", "C#t1#OPEN", caller, index="byStatus")
    assert not allowed(shopper, "PutItem", "CUSTOMER#t1", caller, EnclosingOperation="TransactWriteItems")


def test_every_key_of_a_batch_is_checked(shopper):
    arn = table_arn("Carts")
    for keys, expected in ((["t1", "t1"], True), (["t1", "t2"], False), (["t2", "t1"], False)):
        context = {TAG: "t1", "dynamodb:LeadingKeys": keys}
        assert decide(shopper.document, Request("dynamodb:BatchWriteItem", arn, context)).allowed == expected


def test_actions_that_only_a_transaction_needs_are_allowed_within_one_alone(shopper):
    assert not allowed(shopper, "PutItem", "CUSTOMER#t1")
    assert not allowed(shopper, "PutItem", "CUSTOMER#t1", EnclosingOperation="ExecuteTransaction")


@pytest.mark.parametrize("action", ["Scan", "DeleteItem", "PartiQLSelect", "PartiQLInsert", "DeleteTable"])
def test_what_no_access_pattern_needs_is_denied(shopper, action):
    assert not allowed(shopper, action, "CUSTOMER#t1")


def test_a_projection_allows_its_attributes_and_those_of_the_key(shopper):
    named = {"Select": "SPECIFIC_ATTRIBUTES"}
    assert allowed(shopper, "Query", "CUSTOMER#t1", Attributes=["PK", "SK", "amount"], **named)  # type: ignore[arg-type]
    assert not allowed(shopper, "Query", "CUSTOMER#t1", Attributes=["PK", "SK", "note"], **named)  # type: ignore[arg-type]
    assert not allowed(shopper, "Query", "CUSTOMER#t1", Attributes=["PK", "SK"], Select="ALL_ATTRIBUTES")  # type: ignore[arg-type]
    assert not allowed(shopper, "Query", "CUSTOMER#t1")


def test_a_scan_never_stands_beside_leading_keys(shop):
    for role in ("shopper", "job"):
        for statement in iam_policy(shop, role).document["Statement"]:
            keyed = "dynamodb:LeadingKeys" in json.dumps(statement.get("Condition", {}))
            assert not (keyed and "dynamodb:Scan" in statement["Action"])


def test_another_policy_is_tried_with_the_same_requests(shop, shopper):
    other = copy.deepcopy(shopper.document)
    del other["Statement"][0]
    again, anew = shopper.proof.against(other), prove_policy(shop, other, "shopper")
    assert again.cases == anew.cases and not again.holds


def test_what_a_condition_cannot_keep_apart_is_not_granted_and_said(shopper):
    said = {gap.pattern: gap.why for gap in shopper.gaps}
    assert set(said) == {"invoice", "search"}
    assert "Invoice belongs to a customer, and the partition key PK of Shop, INVOICE#{order}" in said["invoice"]
    assert "a Scan reads the Order, Line, Invoice of every customer" in said["search"]


def test_items_of_no_tenant_are_shared_and_that_is_said(shopper):
    assert allowed(shopper, "BatchGetItem", ["PRODUCT#p1", "PRODUCT#p2"])
    assert "shared by every customer: Product" in shopper.notes


def test_the_policy_is_valid_json_of_the_language_with_variables(shopper):
    assert json.loads(shopper.to_json()) == shopper.document
    assert shopper.document["Version"] == "2012-10-17"
    names = [statement["Sid"] for statement in shopper.document["Statement"]]
    assert len(set(names)) == len(names) and all(name.isalnum() for name in names)


def test_the_proof_is_a_table_of_what_is_allowed_and_what_is_denied(shopper):
    proof = shopper.proof
    assert proof.holds and not proof.failures
    frame = proof.to_frame()
    assert set(frame.loc[frame["expected"] == "allow", "attack"]) == {"its own", "its own item"}
    assert {
        "another tenant", "a tenant whose id extends the caller's", "a caller whose id is t*", "Scan", "PartiQL",
        "a caller whose id is t?", "a batch with a foreign key among its own", "a request without a key",
        "outside of its transaction",
    } <= set(frame["attack"])  # fmt: skip
    assert "byStatus" in "".join(frame.loc[frame["action"] == "Query", "resource"])
    assert "the policy holds" in proof._repr_html_()


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("T#{tenant}{order}", "{order} follows {tenant} without a separator"),
        ("T#{tenant}x{order}", "no separator as #"),
        ("{order}{tenant}", "{order} stands before {tenant} without a separator"),
        ("T#{tenant}-{order}", "ids such as"),
        ("T#{order}", "does not say which"),
    ],
)
def test_a_design_whose_prefix_cannot_end_in_a_separator_is_told_so(template, reason):
    made = _design([("A", template)], tenant={"count": 20, "format": "t-{}"})
    with pytest.raises(ValueError, match="nothing can be granted") as error:
        iam_policy(made)
    assert reason in str(error.value)


def test_keys_that_two_kinds_of_item_may_share_are_not_granted():
    made = _design([("A", "K#{tenant}#{order}"), ("B", "K#{order}#{tenant}")])
    with pytest.raises(ValueError, match="may be those of a B too of another tenant"):
        iam_policy(made)


def test_a_role_without_tenant_gets_the_kinds_of_item_that_it_uses(shop):
    policy = iam_policy(shop, "job")
    assert policy.proof.holds
    assert allowed(policy, "PutItem", "PRODUCT#p") and not allowed(policy, "PutItem", "CUSTOMER#t1")


def test_a_stated_identity_takes_the_place_of_the_tag():
    variable = "${cognito-identity.amazonaws.com:sub}"
    policy = iam_policy(_design([("A", "T#{tenant}#{order}")], identity=variable))
    assert variable in policy.to_json() and "PrincipalTag" not in policy.to_json()
    assert policy.proof.holds


def test_several_attributes_of_a_partition_key_are_each_checked():
    data = _data([("A", "T#{tenant}")])
    data["tables"]["T"]["gsi"] = {"by": {"partition_key": ["kind", "owner"]}}
    data["entities"]["A"]["attributes"] = {"kind": ["X", "Y"], "owner": "{tenant}"}
    patterns = {"q": {"operation": "Query", "index": "by", "key_condition": "kind = :kind AND owner = :owner"}}
    policy = iam_policy(Design.model_validate({**data, "access_patterns": patterns}))
    (condition,) = (statement["Condition"] for statement in policy.document["Statement"])
    assert condition["ForAllValues:StringEquals"] == {POSITIONS[1]: ["${aws:PrincipalTag/tenant}"]}
    assert policy.proof.holds


@pytest.mark.parametrize(
    ("role", "said"),
    [("shoper", "no role 'shoper': its roles are shopper, job"), (None, "which role"), ("", "no role ''")],
)
def test_an_unknown_role_is_an_error_that_lists_the_known_ones(shop, role, said):
    with pytest.raises(ValueError, match=said):
        iam_policy(shop, role)


@pytest.mark.parametrize("options", [{"region": "Frankfurt"}, {"account": "123"}])
def test_region_and_account_are_checked(shop, options):
    with pytest.raises(ValueError, match=next(iter(options.values()))):
        iam_policy(shop, "shopper", **options)


def test_region_and_account_stand_in_every_resource(shop):
    policy = iam_policy(shop, "shopper", region="eu-west-1", account="999999999999")
    assert all(
        s["Resource"].startswith("arn:aws:dynamodb:eu-west-1:999999999999:") for s in policy.document["Statement"]
    )
    assert policy.proof.holds


@pytest.mark.parametrize("name", SHIPPED_DESIGNS)
def test_designs_that_ship_get_a_policy_that_holds(designs, name):
    policy = iam_policy(load_design(designs / f"{name}.yaml"))
    assert policy.proof.holds and not policy.gaps


ORG = "ORG#{region}#{tenant}#{order}#{product}"


@pytest.mark.parametrize("field", ["region", "order", "product"])
def test_a_wildcard_on_each_side_of_the_tenant_needs_ids_without_separators(field):
    data = _data([("A", ORG)])
    data["fields"]["region"] = {"count": 5}
    assert iam_policy(Design.model_validate(data)).proof.holds  # ordinals hold no #
    data["fields"][field]["format"] = "r#{}"
    with pytest.raises(ValueError, match=rf"{{{field}}} holds #, as in 'r#1'"):
        iam_policy(Design.model_validate(data))


def test_a_field_of_which_nothing_is_known_may_hold_a_separator():
    entities = [("A", "{product}#{tenant}#{order}")]
    assert iam_policy(_design(entities)).proof.holds
    with pytest.raises(ValueError, match=r"\{product\} may hold #"):
        iam_policy(_design(entities, fields={"product": "{order}"}))


def test_the_proof_tries_keys_of_generated_items_and_finds_what_templates_hide():
    data = _data([("A", ORG)], tenant={"count": 20, "type": "1..20"}, fields={"region": {"count": 5}})
    granted = iam_policy(Design.model_validate(data)).document  # right while regions hold no #
    data["fields"]["region"]["format"] = "r#{}"
    data["access_patterns"]["own"] = {"operation": "GetItem", "entity": "B"}
    data["entities"]["B"] = {"key": {"PK": "B#{tenant}", "SK": "S"}, "attributes": {}}
    failures = prove_policy(Design.model_validate(data), granted).failures
    leaks = [case for case in failures if case.attack == "an item of another tenant"]
    assert leaks
    assert all(f"#{case.caller}#" in case.request.context["dynamodb:LeadingKeys"][0] for case in leaks)


def test_an_id_that_the_key_writes_otherwise_than_the_caller_has_it_is_not_granted():
    tenant = {"count": 20, "type": "1..1000"}
    with pytest.raises(ValueError, match=r"writes the id otherwise.*\([1-9][0-9]* as 0+[1-9][0-9]*\)"):
        iam_policy(_design([("A", "T#{tenant:06}#")], tenant=tenant))
    assert iam_policy(_design([("A", "T#{tenant:d}#")], tenant=tenant)).proof.holds


def test_its_own_requests_are_those_of_generated_items(shopper):
    frame = shopper.proof.to_frame()
    own = frame[frame["attack"] == "its own item"]
    assert own["holds"].all() and {"01", "02"} & set(own["caller"])  # customers are ordinals of 50
    assert all(caller in key for caller, key in zip(own["caller"], own["keys"], strict=True))


# Changed conditions

_EXCHANGED = {"StringEquals": "StringNotEquals", "StringLike": "StringNotLike", "StringNotLike": "StringLike"}


def mutants(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one condition taken out, or changed in its operator or in one of its values."""
    for i, statement in enumerate(document["Statement"]):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                for label, change in _changes(operator, key, values):
                    changed = copy.deepcopy(document)
                    conditions = changed["Statement"][i]["Condition"]
                    del conditions[operator][key]
                    for new_operator, new_values in change.items():
                        conditions.setdefault(new_operator, {})[key] = new_values
                    yield f"{statement['Sid']}: {operator} {key}: {label}", changed


def _changes(operator: str, key: str, values: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "taken out", {}
    if operator == "Null":
        yield "turned round", {operator: "true"}
        return
    quantifier, _, name = operator.rpartition(":")
    base, optional = name.removesuffix("IfExists"), "IfExists" if name.endswith("IfExists") else ""
    prefix = f"{quantifier}:" if quantifier else ""
    yield "negated", {f"{prefix}{_EXCHANGED[base]}{optional}": values}
    if quantifier:
        other = "ForAnyValue" if quantifier == "ForAllValues" else "ForAllValues"
        yield other, {f"{other}:{name}": values}
    elif optional:
        yield "required", {base: values}
    elif base == "StringEquals":
        yield "optional", {f"{base}IfExists": values}
    if base == "StringLike":
        yield "no pattern", {f"{prefix}StringEquals": values}
    if base == "StringEquals" and any("${" in value for value in values):
        yield "pattern", {f"{prefix}StringLike": values}
    for i in range(len(values)):
        yield f"without {values[i]}", {operator: values[:i] + values[i + 1 :]}
        yield f"another for {values[i]}", {operator: [*values[:i], "something-else", *values[i + 1 :]]}
        if "Like" in base:
            yield f"wider than {values[i]}", {operator: [*values[:i], "*", *values[i + 1 :]]}
    for value in values if key == "dynamodb:LeadingKeys" else ():
        if (other := re.sub(r"\$\{[^*?$}]+\}", "t2", value)) != value:
            yield f"also {other}", {operator: [*values, other]}


def fails_somewhere(proof: Proof, document: dict[str, Any]) -> bool:
    """Whether another policy fails a proof: the first request that is decided otherwise is enough."""
    return any(decide(document, case.request).allowed != case.expected for case in proof.cases)


@pytest.mark.parametrize("role", ["shopper", "job"])
def test_changing_any_one_condition_makes_the_proof_fail(shop, role):
    policy = iam_policy(shop, role)
    tried = list(mutants(policy.document))
    survivors = [label for label, document in tried if not fails_somewhere(policy.proof, document)]
    assert survivors == []
    assert not policy.proof.against(tried[0][1]).holds
    assert len(tried) > (60 if role == "shopper" else 4)


# Any design

LITERALS = ("T#", "#", "K-", "|", "ORDER#", "x", "")
FIELDS = ("tenant", "order", "product")


def _data(
    entities: list[tuple[str, str]], tenant: Any = None, identity: str | None = None, fields: Any = None
) -> dict[str, Any]:
    return {
        "name": "any",
        "tables": {"T": {"partition_key": "PK", "sort_key": "SK"}},
        "fields": {
            "tenant": tenant or {"count": 20},
            "order": {"per": "tenant", "count": 3},
            "product": {"count": 9},
            **(fields or {}),
        },
        "entities": {name: {"key": {"PK": text, "SK": "S#{order}"}, "attributes": {}} for name, text in entities},
        "roles": {"user": {"tenant": "tenant", **({"identity": identity} if identity else {})}},
        "access_patterns": {f"get-{name}": {"operation": "GetItem", "entity": name} for name, _ in entities},
    }


def _design(entities: list[tuple[str, str]], **options: Any) -> Design:
    return Design.model_validate(_data(entities, **options))


TEMPLATES = (
    st.lists(
        st.one_of(st.sampled_from(LITERALS), st.sampled_from([f"{{{name}}}" for name in FIELDS])),
        min_size=1,
        max_size=6,
    )
    .map("".join)
    .filter(bool)
)
OPERATIONS = st.sampled_from([
    {"operation": "GetItem"}, {"operation": "GetItem", "projection": "SK, a"}, {"operation": "PutItem"},
    {"operation": "Query", "key_condition": "PK = :PK"}, {"operation": "UpdateItem", "update": "SET a = :a"},
    {"operation": "Query", "key_condition": "PK = :PK", "select": "COUNT"},
    {"operation": "Query", "index": "G", "key_condition": "GPK = :GPK"},
    {"operation": "BatchWriteItem", "count": 3}, {"operation": "BatchGetItem", "count": 3, "projection": "b"},
    {"operation": "TransactGetItems", "count": 2}, {"operation": "Scan"}, {"operation": "DeleteItem"},
])  # fmt: skip


@st.composite
def any_designs(draw: st.DrawFn) -> Design:
    """Designs whose keys are made of any literals and fields, in any order, with a tenant or without."""
    names = [f"E{i}" for i in range(draw(st.integers(1, 3)))]
    order, product = draw(st.sampled_from([{}, {"format": "a#{}"}])), draw(st.sampled_from([{}, {"format": "{}|#1"}]))
    fields = {"order": {"per": "tenant", "count": 3, **order}, "product": {"count": 9, **product}}
    data = _data([(name, draw(TEMPLATES)) for name in names], fields=fields)
    data["tables"]["T"]["gsi"] = {"G": {"partition_key": "GPK"}}
    for name in names:
        data["entities"][name]["key"]["GPK"] = draw(TEMPLATES)
        data["entities"][name]["attributes"] = {"a": "text(3)", "b": "{tenant}" if draw(st.booleans()) else "text(2)"}
    if draw(st.booleans()):
        data["roles"] = {"user": {}}
    patterns = draw(st.lists(st.tuples(st.sampled_from(names), OPERATIONS), min_size=1, max_size=6))
    data["access_patterns"] = {f"p{i}": {**each, "entity": name} for i, (name, each) in enumerate(patterns)}
    if draw(st.booleans()):
        action = {"operation": draw(st.sampled_from(["Put", "Delete"])), "entity": names[0]}
        data["access_patterns"]["tx"] = {"operation": "TransactWriteItems", "actions": [action]}
    return Design.model_validate(data)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(any_designs())
def test_a_policy_for_any_design_parses_and_passes_its_own_proof(made):
    policy = policy_or_none(made)
    if policy is not None:
        assert json.loads(policy.to_json())["Statement"]
        assert policy.proof.holds, policy.proof.failures[0]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(any_designs(), st.randoms(use_true_random=False))
def test_changing_a_condition_of_any_policy_makes_its_proof_fail(made, rng):
    policy = policy_or_none(made)
    if policy is not None:
        tried = list(mutants(policy.document))
        for label, document in rng.sample(tried, min(12, len(tried))):
            assert not policy.proof.against(document).holds, (label, policy.to_json())


def policy_or_none(made: Design) -> Policy | None:
    try:
        return iam_policy(made)
    except ValueError as error:
        assert "nothing can be granted" in str(error)
        return None


TENANTS = ("t1", "t2", "t10", "t", "1", "x", "t*", "t?", "*")


def _random_design(rng: random.Random) -> Design:
    names = [f"E{i}" for i in range(rng.randint(1, 3))]

    def template() -> str:
        parts = [rng.choice([*LITERALS, *(f"{{{name}}}" for name in FIELDS)]) for _ in range(rng.randint(1, 5))]
        return "".join(parts) or "{tenant}"

    separated = rng.random() < 0.5  # whether the ids of other fields hold what separates keys
    fields = {"order": {"per": "tenant", "count": 3, "format": "o#{}"}, "product": {"count": 9, "format": "{}|x#t1#"}}
    data = _data([(name, template()) for name in names], fields=fields if separated else None)
    data["tables"]["T"]["gsi"] = {"G": {"partition_key": "GPK"}}
    for name in names:
        data["entities"][name]["key"]["GPK"] = template()
        data["entities"][name]["attributes"] = {"b": "{tenant}"}
    operations = ("GetItem", "PutItem", "DeleteItem", "BatchGetItem")
    data["access_patterns"] = {
        f"p{i}": {"operation": rng.choice(operations), "entity": rng.choice(names)} for i in range(3)
    } | {"q": {"operation": "Query", "index": "G", "key_condition": "GPK = :GPK", "entity": names[0]}}
    return Design.model_validate(data)


def test_a_thousand_generated_policies_leak_no_key_of_another_tenant():
    rng, policies, asked = random.Random(8), 0, 0
    while policies < 1000:
        made = _random_design(rng)
        policy = policy_or_none(made)
        if policy is None:
            continue
        policies += 1
        for attribute, index in (("PK", ""), ("GPK", "G")):
            arn = table_arn("T") + (f"/index/{index}" if index else "")
            for entity in made.entities.values():  # every one of them belongs to a tenant, by its attribute b
                template = KeyTemplate(entity.key[attribute])
                for _ in range(6):
                    caller, owner = rng.sample(TENANTS, 2)
                    separated = "format" in made.fields["order"].model_fields_set
                    ids = ("o", "x", "1", "t1", *(("o#t1", "o#t1#", "#t1#x", "T#t1#", "|x#t1#") if separated else ()))
                    key = template.format({"tenant": owner, "order": rng.choice(ids), "product": rng.choice(ids)})
                    own = template.format({"tenant": caller, "order": "o", "product": "p"})
                    for action in ("Query", "Scan", "PartiQLSelect", *(() if index else ("GetItem", "PutItem"))):
                        for keys in ([key], [own, key]):
                            context = {"aws:PrincipalTag/tenant": caller, "dynamodb:LeadingKeys": keys}
                            got = decide(policy.document, Request(f"dynamodb:{action}", arn, context))
                            asked += 1
                            assert not got.allowed, (made.entities, caller, key, action, policy.to_json())
    assert asked > 50_000
