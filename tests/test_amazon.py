"""Real DynamoDB only on purpose: what is refused, and that a run there says what it does, and leaves nothing.

No test speaks to AWS. STS and IAM answer through botocore's Stubber; a local engine stands for DynamoDB.
"""

import pytest
from boto3.session import Session
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from workbench import amazon
from workbench.amazon import AmazonEngine, Permission
from workbench.designfile import load_design
from workbench.endpoints import is_amazons
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import AnswerLost, EngineError
from workbench.headless import kernel_environ
from workbench.inventory import table_names
from workbench.items import generate_items
from workbench.runs import run_patterns
from workbench.starting import Options
from workbench.tables import TAG

ACCOUNT = "123456789012"


class Account:
    """An account behind botocore's own clients: its id, its alias and name, and an engine for its DynamoDB."""

    def __init__(self, engine: Engine):
        self.engine, self.alias, self.name, self.asked = engine, "sandbox", "Sandbox", []

    def client(self, session: Session, service: str, connections: int = 1):
        self.asked.append(service)
        if service == "dynamodb":
            return session.client(service, endpoint_url=self.engine.endpoint_url)
        client = session.client(service)
        stub = Stubber(client)
        if service == "sts":
            stub.add_response("get_caller_identity", {"Account": ACCOUNT, "UserId": "me", "Arn": "a" * 20})
        elif service == "iam" and self.alias:
            stub.add_response("list_account_aliases", {"AccountAliases": [self.alias], "IsTruncated": False})
        elif service == "iam":
            stub.add_client_error("list_account_aliases", "AccessDenied")
        else:
            stub.add_response("get_account_information", {"AccountId": ACCOUNT, "AccountName": self.name})
        stub.activate()
        return client


@pytest.fixture
def account(monkeypatch, engine, tmp_path) -> Account:
    found = Account(engine)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", amazon.HEADLESS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (tmp_path / "config").write_text("[profile sandbox]\n[profile my-PROD-admin]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(amazon, "_client", found.client)
    monkeypatch.setattr(amazon, "is_amazons", lambda url: url == engine.endpoint_url)
    return found


def start(**said) -> Engine:
    return start_engine("aws", **{"allow_aws": True, "account": ACCOUNT, **said})


def test_aws_needs_to_be_allowed_whatever_else_is_said(account):
    with pytest.raises(EngineError, match=r"costs money: start_engine\('aws', allow_aws=True, account="):
        start_engine("aws", account=ACCOUNT)
    assert account.asked == []


def test_the_environment_alone_never_leads_to_aws(account, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ENGINE", "aws")
    with pytest.raises(EngineError, match="costs money"):
        start_engine()
    assert account.asked == []


def test_a_headless_notebook_never_uses_aws(account, monkeypatch):
    assert kernel_environ("/nowhere")[amazon.HEADLESS] == "1"
    monkeypatch.setenv(amazon.HEADLESS, "1")
    with pytest.raises(EngineError, match="run headless never uses AWS"):
        start()
    assert account.asked == []


def test_the_account_given_must_be_the_account_of_the_credentials(account):
    with pytest.raises(EngineError, match="the credentials are of account 123456789012, not 210987654321"):
        start(account="210987654321")
    assert "dynamodb" not in account.asked


@pytest.mark.parametrize("said", ["12345678901", "sandbox", "1234567890123"])
def test_an_accounts_id_has_12_digits(account, said):
    with pytest.raises(EngineError, match="an AWS account's id has 12 digits"):
        start(account=said)


@pytest.mark.parametrize("profile", ["my-PROD-admin", "production"])
def test_a_profile_that_is_called_prod_is_refused_before_anything_is_asked(account, profile, monkeypatch):
    with pytest.raises(EngineError, match=f"profile '{profile}': names with 'prod' are refused"):
        start(profile=profile)
    monkeypatch.setenv("AWS_PROFILE", profile)
    with pytest.raises(EngineError, match="names with 'prod' are refused"):
        start()
    assert account.asked == []


@pytest.mark.parametrize(("alias", "name"), [("acme-prod", "Acme"), ("", "Acme Production")])
def test_an_account_that_is_called_prod_is_refused(account, alias, name):
    account.alias, account.name = alias, name
    with pytest.raises(EngineError, match=f"account {ACCOUNT} or its profile is called '{alias or name}'"):
        start()
    assert "dynamodb" not in account.asked


def test_the_accounts_id_may_be_typed(account):
    questions: list[str] = []

    def typed(question: str) -> str:
        questions.append(question)
        return f" {ACCOUNT}\n"

    engine = amazon.amazon(Permission(allowed=True), Options(), typed)
    assert engine.account == ACCOUNT and ACCOUNT in questions[0] and "sandbox" in questions[0]


def test_where_nobody_can_type_the_account_must_be_given(account):
    def nobody(question: str) -> str:
        raise EOFError

    with pytest.raises(EngineError, match="nobody is here to type the account's id: give it"):
        amazon.amazon(Permission(allowed=True), Options(), nobody)


REAL = amazon._client


@pytest.mark.parametrize("service", ["sts", "iam", "account", "dynamodb"])
def test_no_setting_of_the_environment_or_profile_leads_a_client_elsewhere(account, monkeypatch, tmp_path, service):
    """Else AWS_ENDPOINT_URL_STS could say that the account is another."""
    for name in ("AWS_ENDPOINT_URL", f"AWS_ENDPOINT_URL_{service.upper()}"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "config").write_text("[profile sandbox]\nendpoint_url = http://127.0.0.1:9\n")
    monkeypatch.setattr(amazon, "is_amazons", is_amazons)
    for profile in (None, "sandbox"):
        assert is_amazons(REAL(Session(profile_name=profile), service).meta.endpoint_url)


@pytest.mark.parametrize("service", ["sts", "iam", "account", "dynamodb"])
def test_a_client_that_leads_elsewhere_is_refused_whatever_its_service(account, monkeypatch, service):
    monkeypatch.setattr(amazon, "is_amazons", lambda url: False)
    with pytest.raises(EngineError, match="which is not Amazon's: take them away"):
        REAL(Session(), service)


def test_a_lost_answer_of_the_account_is_reported_as_unknown_by_its_client_too(account):
    engine = start()
    client = engine.client()

    def lost(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")

    client.meta.events.register("before-send.dynamodb", lost)
    with pytest.raises(AnswerLost, match="no answer from aws engine"):
        client.list_tables()
    engine.stop()
    with pytest.raises(EngineError, match="was stopped"):
        client.list_tables()


def test_without_a_region_it_is_said_how_to_give_one(account, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(EngineError, match="no AWS region is set"):
        start()
    assert start(region="eu-west-1").is_local is False


def test_an_unknown_profile_is_said(account):
    with pytest.raises(EngineError, match="no AWS session: The config profile"):
        start(profile="nobody")


def test_requests_are_signed_for_the_region_with_the_profiles_key(account):
    engine = start()
    assert isinstance(engine, AmazonEngine) and (engine.kind, engine.owned, engine.is_local) == ("aws", False, False)
    headers = engine._signed("ListTables", b"{}")
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
    assert "/eu-west-1/dynamodb/aws4_request" in headers["Authorization"]
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.ListTables"


@pytest.fixture
def small(designs):
    return load_design(designs / "sessions_simple.yaml")


def test_a_run_lists_its_tables_and_units_before_it_creates_them_tags_them_and_deletes_them(
    account, small, capsys, monkeypatch
):
    made: list[dict] = []
    call = AmazonEngine.call

    def noted(engine, operation, body):
        if operation == "CreateTable":
            made.append({**body, "said": capsys.readouterr().out})
        return call(engine, operation, body)

    monkeypatch.setattr(AmazonEngine, "call", noted)
    before = table_names(account.engine)
    run = run_patterns(small, start(), generate_items(small), calls=2, sample=500, progress=False, strict=False)
    assert run.loaded and table_names(account.engine) == before
    first = made[0]["said"]
    assert "are created, and deleted at the end" in first and all(f"-{table}" in first for table in small.tables)
    assert "read_units" in first and all(name in first for name in small.access_patterns)
    assert all(table["Tags"] == [{"Key": TAG, "Value": small.name}] for table in made)
    assert all(table["TableName"].startswith("wb-") for table in made)


def test_tables_in_an_account_are_never_kept_and_never_without_a_prefix(account, small):
    for options in ({"keep": True}, {"prefix": ""}):
        with pytest.raises(ValueError, match="tables have a prefix and are deleted at the end"):
            run_patterns(small, start(), generate_items(small), progress=False, **options)


def test_an_interrupted_run_in_an_account_leaves_no_table(account, small, monkeypatch):
    before = table_names(account.engine)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.runs.load_items", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_patterns(small, start(), generate_items(small), progress=False)
    assert table_names(account.engine) == before
