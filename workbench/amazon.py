"""Real DynamoDB, in an AWS account that was named: never by accident, never in production, never in CI.

Everything about it is on purpose: `allow_aws=True`, and the account's id, given or typed. A profile or account whose
name contains "prod" is refused, and so is a notebook that a regression run executes. Tables carry a prefix and a tag,
are listed with what the run will consume before the first is created, and are deleted at the end.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.endpoints import is_amazons
from workbench.engine import ADOPT_SECONDS, ANSWER_SECONDS, Engine
from workbench.errors import EngineError
from workbench.starting import Options

if TYPE_CHECKING:
    from boto3.session import Session

HEADLESS = "WORKBENCH_HEADLESS"  # set in the kernels of regression runs
FORBIDDEN = "prod"


@dataclass(frozen=True)
class Permission:
    """What was said about the use of AWS: whether it is allowed, in which account, by which profile and region."""

    allowed: bool = False
    account: str = ""
    profile: str = ""
    region: str = ""


class AmazonEngine(Engine):
    """DynamoDB of an AWS account. Not ours, not local: every request is signed with the profile's credentials."""

    def __init__(self, session: "Session", account: str, options: Options):
        self._session = session
        client = _client(session, "dynamodb", options.connections)
        super().__init__("aws", client.meta.endpoint_url, f"account {account}", options.connections)
        self.is_local, self.account, self._client = False, account, client
        self._report_lost(client)
        self.region = str(session.region_name)

    def _signed(self, operation: str, data: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        request = AWSRequest("POST", f"{self.endpoint_url}/", data=data, headers=headers)
        credentials = self._session.get_credentials()
        SigV4Auth(credentials, "dynamodb", self.region).add_auth(request)  # type: ignore[arg-type]
        return dict(request.headers.items())


def amazon(permission: Permission, options: Options, ask: Callable[[str], str] = input) -> AmazonEngine:
    """DynamoDB of the account that the profile's credentials belong to; EngineError unless all is as it was said."""
    _check_said(permission, options)
    session = _session(permission)
    try:
        said = _client(session, "sts").get_caller_identity()["Account"]
    except EngineError:
        raise
    except Exception as error:  # botocore's errors have no common ancestor that means this
        raise _refusal(f"the AWS account cannot be asked for: {error}") from error
    for name in (*_names(session), str(session.profile_name)):
        if FORBIDDEN in name.lower():
            raise _refusal(f"account {said} or its profile is called {name!r}: names with {FORBIDDEN!r} are refused")
    given = permission.account or _typed(said, session, ask)
    if given.replace("-", "") != said:
        raise _refusal(f"the credentials are of account {said}, not {given}: nothing was done")
    engine = AmazonEngine(session, said, options)
    engine.greet(ADOPT_SECONDS)
    return engine


def _refusal(text: str) -> EngineError:
    return EngineError(text, kind="aws")


def _check_said(permission: Permission, options: Options) -> None:
    """EngineError unless AWS may be used at all."""
    if os.environ.get(HEADLESS):
        raise _refusal("a notebook that is run headless never uses AWS: give it a local engine")
    if not permission.allowed:
        raise _refusal(
            "DynamoDB on AWS costs money: start_engine('aws', allow_aws=True, account='123456789012', profile=...) "
            "uses it, on the command line --engine aws --allow-aws --account 123456789012"
        )
    if permission.account and not re.fullmatch(r"\d{4}-?\d{4}-?\d{4}", permission.account):
        raise _refusal(f"account {permission.account!r}: an AWS account's id has 12 digits")
    profile = permission.profile or os.environ.get("AWS_PROFILE", "")
    if FORBIDDEN in profile.lower():
        raise _refusal(f"profile {profile!r}: names with {FORBIDDEN!r} are refused")
    if options.persist or options.port:
        raise _refusal("port and persist are for engines that are started")


def _session(permission: Permission) -> "Session":
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError

    try:
        session = Session(profile_name=permission.profile or None, region_name=permission.region or None)
    except BotoCoreError as error:
        raise _refusal(f"no AWS session: {error}") from error
    if not session.region_name:
        raise _refusal("no AWS region is set: region='eu-west-1', or AWS_REGION")
    return session


def _client(session: "Session", service: str, connections: int = 1) -> Any:
    from botocore.config import Config

    config = Config(
        retries={"mode": "legacy", "total_max_attempts": 1},  # nothing is sent twice, here as on a local engine
        connect_timeout=ADOPT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        max_pool_connections=connections,
        # AWS_ENDPOINT_URL_STS could say that the account is another
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] - the stubs do not know it
    )
    client = session.client(service, config=config)  # type: ignore[call-overload]
    if not is_amazons(client.meta.endpoint_url):
        raise _refusal(f"AWS settings lead to {client.meta.endpoint_url}, which is not Amazon's: take them away")
    return client


def _names(session: "Session") -> list[str]:
    """What the account is called, as far as the credentials may know: its aliases, and its name."""
    from botocore.exceptions import BotoCoreError, ClientError

    names: list[str] = []
    for ask in (
        lambda: _client(session, "iam").list_account_aliases()["AccountAliases"],
        lambda: [_client(session, "account").get_account_information()["AccountName"]],
    ):
        try:
            names += ask()
        except (BotoCoreError, ClientError):  # not allowed to know
            continue
    return names


def _typed(account: str, session: "Session", ask: Callable[[str], str]) -> str:
    """The account's id as somebody typed it; EngineError where nobody can."""
    names = ", ".join(_names(session)) or "without a name"
    try:
        return ask(f"Type the id of the AWS account ({account}, {names}) to create tables in it: ").strip()
    except Exception as error:  # a kernel without a front end has its own error for this
        raise _refusal("nobody is here to type the account's id: give it, account='123456789012'") from error
