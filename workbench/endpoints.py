"""Which URLs are a local engine's: loopback, or a private host that `WORKBENCH_LOCAL_HOSTS` names, never Amazon's."""

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from workbench.errors import EngineError

# The domains of every AWS partition, as botocore's partitions.json names them, and of function URLs.
_AMAZON = (
    "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "amazonwebservices.com.cn", "amazonwebservices.eu",
    "api.aws", "on.aws", "ic.gov", "sgov.gov", "scloud", "adc-e.uk",
)  # fmt: skip
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]


def local_url(url: str) -> str:
    """The URL as scheme, host and port, if it is that of a local engine."""
    shown = url.rpartition("@")[2]  # never a password
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise EngineError(f"{shown!r} is no URL: {error}", kind="url") from None
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not host or beyond:
        raise EngineError(f"{shown!r} is no engine's URL, which looks like http://127.0.0.1:8000", kind="url")
    if refusal := _not_local(host):
        raise EngineError(
            f"{shown}: {refusal}. Only a local engine is used: loopback (127.0.0.1, ::1, localhost), or a host that "
            "WORKBENCH_LOCAL_HOSTS names (separated by commas) and whose addresses are all private",
            kind="url",
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def is_amazons(url: str) -> bool:
    """Whether a URL is one of Amazon's own.

    >>> is_amazons("https://dynamodb.eu-west-1.amazonaws.com"), is_amazons("https://amazonaws.com.example.org")
    (True, False)
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(f".{host}".endswith(f".{domain}") for domain in _AMAZON)


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, as `localhost` or by a loopback address; no name is looked up.

    >>> is_loopback("http://[::1]:8000"), is_loopback("http://dynamodb:8000")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_local(host: str) -> str:
    """Why a host is not local; empty if it is. A name is looked up only once it is allowed."""
    if is_amazons(f"//{host}"):
        return f"{host} is Amazon's, and no setting makes it local"
    named = {name.strip().rstrip(".").lower() for name in os.environ.get("WORKBENCH_LOCAL_HOSTS", "").split(",")}
    try:
        literal = ipaddress.ip_address(host).is_loopback
    except ValueError:
        literal = False
    if literal or (host != "localhost" and host not in named):
        return "" if literal else f"{host} is not local, and WORKBENCH_LOCAL_HOSTS does not name it"
    try:
        found = {ipaddress.ip_address(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, ValueError) as error:
        return f"{host} has no address ({error})"
    public = sorted(str(a) for a in found if not any(a in network for network in _PRIVATE))
    return f"{host} has an address that is not private: {', '.join(public)}" if public else ""
