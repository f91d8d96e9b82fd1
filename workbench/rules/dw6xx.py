"""DW6xx: security. Whose data a key lets a caller reach, and what must not leave a developer's machine."""

import re
from collections.abc import Iterator, Sequence

from workbench.design import AccessPattern, Entity, Role
from workbench.domains import value_domain
from workbench.evidence import Evidence, Write
from workbench.findings import Finding
from workbench.guards import compares
from workbench.identity import key_fields
from workbench.reach import query_condition
from workbench.rules.registry import rule
from workbench.sources import Source, matches
from workbench.tenancy import Tenancy


@rule("DW601", "error")
def key_without_tenant(evidence: Evidence) -> Iterator[Finding]:
    """A partition key from the client, without the tenant.

    What it does
        Where a role has a tenant, finds its access patterns whose partition key is made without the tenant's field, and
        its Scans. Items that all tenants share, none of whose attributes leads to the tenant, are left alone, and so is
        a write whose condition compares the attribute that holds the tenant.
    Why it is bad
        The client supplies the key: with another order's number it reads another customer's order. IAM can hold a
        caller to keys that begin with its own tenant (dynamodb:LeadingKeys), but only if they do.
    Example
        roles:
          customer: {tenant: customer_id}
        entities:
          Order: {key: {PK: "ORDER#{order_id}"}}
        access_patterns:
          read-order: {operation: GetItem, entity: Order, role: customer}
    Use instead
        The tenant in the partition key, "CUSTOMER#{customer_id}", taken from the caller's token and not from the
        request; the order in the sort key.
    Source
        AWS: specifying-conditions (dynamodb:LeadingKeys); OWASP API1 (broken object level authorization).
    """
    for pattern in evidence.served:
        role = _role(evidence, pattern)
        if role is None or role.tenant is None:
            continue
        tenancy = Tenancy(evidence.design, role.tenant)
        for entities, made_of, write in _requests(evidence, pattern):
            if not any(map(tenancy.is_owned, entities)):
                continue
            if made_of is None:
                message = f"lets a caller who is held to one {role.tenant} read the items of all"
            elif role.tenant in made_of or _compares_tenant(evidence, write, role.tenant):
                continue
            else:
                fields = " and ".join(made_of) or "a constant"
                message = f"its partition key is made of {fields}: a caller can name the key of another {role.tenant}"
            fix = f"put {{{role.tenant}}} into the partition key, and take it from the caller's identity"
            yield evidence.finding("DW601", "error", evidence.place(pattern), message, fix, tenant=role.tenant)
            break


def _role(evidence: Evidence, pattern: AccessPattern) -> Role | None:
    roles = evidence.design.roles
    return roles.get(pattern.role) if pattern.role else next(iter(roles.values())) if len(roles) == 1 else None


def _requests(
    evidence: Evidence, pattern: AccessPattern
) -> Iterator[tuple[list[Entity], list[str] | None, Write | None]]:
    """The entities that each part of a request asks for, and the fields of its partition key; None for a Scan's."""
    design = evidence.design
    if pattern.operation == "Scan":
        yield design.entities_in(design.table_for(pattern).name), None, None
    elif pattern.operation == "Query":
        entity = design.addressed(pattern)[0]
        condition = query_condition(design, pattern)
        found: dict[str, None] = {}
        for attribute, name in condition.partition:
            stated = pattern.values.get(name)
            made_of = key_fields(design, entity, [attribute]) if stated is None else value_domain(stated).references()
            found |= dict.fromkeys(made_of)
        yield design.addressed(pattern), list(found), None
    elif pattern.is_read:
        for entity in design.addressed(pattern):
            yield [entity], key_fields(design, entity, [design.table_of(entity.name).partition_key]), None
    for write in evidence.writes_by(pattern):
        made_of = key_fields(design, write.entity, [design.table_of(write.entity.name).partition_key])
        yield [write.entity], made_of, write


def _compares_tenant(evidence: Evidence, write: Write | None, tenant: str) -> bool:
    """Whether a write's condition looks at an attribute that holds the tenant."""
    if write is None:
        return False
    condition = evidence.node(write.pattern, write.part, "condition")
    named = compares(condition) if condition is not None else set()
    return any(name == tenant or tenant in key_fields(evidence.design, write.entity, [name]) for name in named)


# Files


_LOCAL_URL = re.compile(
    r"(?i)https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|host\.docker\.internal|dynamodb(-?local)?|localstack)"
    r"(?=[:/\"'\s]|$)[^\s\"',)]*"
)
_GUARD = re.compile(
    r"(?i)(\bif\b|\?|\bcase\b|\bunless\b|&&).*(local|dev|test|offline|debug|sam)"
    r"|\b\w*(local|dev|test|offline|debug|sam)\w*(\(\))?\s*(\?|&&)"
)
_ENDPOINT = r"(?i:endpoint)\w*[\"']?\s*[:=(]\s*(?:(?:new\s+)?URI(?:\.create)?\(\s*)?(?:\w+\.)*"
_ASSIGNED = re.compile(r"(\w+)\s*(?::\s*[\w.]+\s*)?=\s*[\"'`]\s*$")
_TRAILING = re.compile(r"\s(#|//)\s.*$")
_DUMMY = re.compile(
    r"(?i)(access_?key(_?id)?|secret_?(access_?)?key)[\"'\]]*\s*[:=,]\s*[\"']?"
    r"(dummy\w*|fake\w*|local\w*|test\w*|example\w*|mock\w*|foo|bar|x{2,}|key|secret|anything|none)[\"']?\s*[,;)}\]]*\s*$"
    r"|(?i:access_?key(?:_?id)?|secret_?(?:access_?)?key)[\"'\]]*\s*[:=,]\s*"
    r"(?P<quote>[\"'])(?i:dummy\w*|fake\w*|local\w*|test\w*|mock\w*|foo|bar|x+)(?P=quote)"
    r"|(?i:accessKeyId)[\"']?\s*:\s*[\"'](dummy\w*|fake\w*|local\w*|test\w*|mock\w*|foo|x{2,}|key)[\"']"
)
_VARIABLE = re.compile(r"AWS_ENDPOINT_URL(_DYNAMODB)?\b[\"'\]]*\s*(?:[:=,]\s*|\s+(?=https?:))(?!=)(\S.*)?")


def _file_finding(code: str, source: Source, number: int, message: str, fix: str, line: str) -> Finding:
    where = f"{source.name}:{number}"
    return Finding(code, "error", where, message, {"line": line.strip()[:200]}, fix, ("files", source.name), number)


@rule("DW611", "error", "files")
def local_endpoint(sources: Sequence[Source]) -> Iterator[Finding]:
    """A local endpoint in code.

    What it does
        Finds the address of a local DynamoDB given as an endpoint, in code and configuration that is no test and no
        local set-up; also as the default of an environment variable, or by the name of a constant. What stands behind a
        condition that names local, dev or test is left alone.
    Why it is bad
        In production nothing answers there, or, where a sidecar does, data go to a database that is gone with the
        next deployment.
    Example
        client = boto3.client("dynamodb", endpoint_url="http://localhost:8000")
    Use instead
        No endpoint in code: AWS_ENDPOINT_URL_DYNAMODB in the developer's own environment.
    Source
        AWS: SDK reference, service-specific endpoints; DynamoDBLocal.UsageNotes.
    """
    for source, number, line, found in matches(sources, _LOCAL_URL):
        named = _is_named(source, number, line) or _is_used(source, line[: found.start()])
        if named and "AWS_ENDPOINT_URL" not in line and not _GUARD.search(f"{source.before(number, 2)}\n{line}"):
            message = f"the endpoint {found[0]} is a developer's machine"
            fix = "leave the endpoint out; set AWS_ENDPOINT_URL_DYNAMODB where you develop"
            yield _file_finding("DW611", source, number, message, fix, line)


def _is_named(source: Source, number: int, line: str) -> bool:
    """Whether a line, or the open one before it, speaks of DynamoDB or an endpoint; what it remarks does not count."""
    before = _TRAILING.sub("", source.before(number, 1)).rstrip()
    goes_on = before.endswith(_OPEN) or _VALUE.match(line)
    around = f"{before if goes_on else ''}\n{_TRAILING.sub('', line)}"
    return re.search(r"(?i)endpoint|dynamo", around) is not None


_VALUE = re.compile(r"(?i)\s*[\"']?(value|default)\b")  # of the name on the line before
_OPEN = ("(", "[", "{", ",", ":", "=", "\\", ".")


def _is_used(source: Source, before: str) -> bool:
    """Whether an address is the value of a name that is an endpoint elsewhere in the file, and not for local use."""
    assigned = _ASSIGNED.search(before)
    use = re.compile(rf"{_ENDPOINT}{re.escape(assigned[1])}\b(?!\s*[(=])") if assigned else None
    uses = [(number, line) for number, line in source.lines if use and use.search(_TRAILING.sub("", line))]
    return any(not _GUARD.search(f"{source.before(number, 2)}\n{line}") for number, line in uses)


@rule("DW612", "error", "files")
def dummy_credentials(sources: Sequence[Source]) -> Iterator[Finding]:
    """Dummy credentials in code.

    What it does
        Finds access keys such as "dummy", "local" or "fakeMyKeyId" in code and configuration that is no test and no
        local set-up.
    Why it is bad
        Credentials in code win over the role of the machine: in production every request is refused; and whoever
        replaces them by real ones has put secrets into the repository.
    Example
        boto3.resource("dynamodb", aws_access_key_id="dummy", aws_secret_access_key="dummy")
    Use instead
        No credentials in code: the SDK finds those of the role. Locally `AWS_ACCESS_KEY_ID=dummy` in the environment.
    Source
        AWS: SDK reference, credential provider chain; security best practices in IAM.
    """
    for source, number, line, _ in matches(sources, _DUMMY):
        if not _GUARD.search(f"{source.before(number, 2)}\n{line}"):
            fix = "leave credentials out of code; the SDK takes the role's"
            yield _file_finding("DW612", source, number, "dummy credentials of a local database", fix, line)


@rule("DW613", "error", "files")
def endpoint_variable(sources: Sequence[Source]) -> Iterator[Finding]:
    """AWS_ENDPOINT_URL set for everybody.

    What it does
        Finds AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_DYNAMODB set in code, images or deployment files, to anything but an
        address of AWS. Reading the variable is no finding.
    Why it is bad
        Every SDK obeys it without a word: one line in an image sends all of production's requests elsewhere.
        AWS_ENDPOINT_URL does so for all services.
    Example
        ENV AWS_ENDPOINT_URL=http://localhost:8000
    Use instead
        The variable in the developer's shell or docker-compose file only.
    Source
        AWS: SDK reference, service-specific endpoints.
    """
    for source, number, line, found in matches(sources, _VARIABLE):
        value = found[2] or ""
        sets = not re.search(r"(environ\.get|getenv|process\.env)[^=]*$", line[: found.end()]) or "||=" in line
        if sets and value and not re.search(r"amazonaws\.com|\.api\.aws|vpce-", value):
            message = f"AWS_ENDPOINT_URL{found[1] or ''} is set: every SDK sends its requests there"
            fix = "set it in a developer's shell or compose file only"
            yield _file_finding("DW613", source, number, message, fix, line)
