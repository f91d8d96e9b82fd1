"""A workshop on one host: a Lab for each participant, one DynamoDB Local for all, as a file for Docker Compose.

The file stands beside docker-compose.yml and adds a service for each participant, with a port, a token and a table
prefix of its own. Each works on a copy of the notebooks; results go to one folder of the host, from which the
scoreboard is made. Ports are published on loopback, or on the address in BIND when that is set; DynamoDB Local is
reached on the compose network, and published on loopback alone.
(https://docs.docker.com/reference/compose-file/services/)
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd

FILE = "docker-compose.workshop.yml"
RESULTS = "notebooks/workshop/results"
MOST = 60  # Labs on one host
FIRST_PORT = 8901
IMAGES_USER = 1000
MEMORY = "1500m"  # of a Lab with its kernels, so that one cannot take the host from the others
COMMAND = f"docker compose -f docker-compose.yml -f {FILE}"

HEAD = f"""\
# A Lab for each participant of a workshop, made by `workbench workshop`. It holds their tokens: keep it to yourself.
#   docker compose build
#   {COMMAND} up -d --wait
# Only this host reaches the Labs, unless BIND=192.168.1.20 before the last command names an address of it.
services:
"""
SERVICE = """\
  {name}:
    image: dynamodb-workbench-lab
    pull_policy: never
    init: true
    user: "${{WORKBENCH_UID:-{user}}}"
    mem_limit: {memory}
    ports:
      - "${{BIND:-127.0.0.1}}:{port}:8888"
    volumes:
      - {name}:/workbench/notebooks
      - ./{results}:/workbench/{results}
    environment:
      AWS_ENDPOINT_URL_DYNAMODB: http://dynamodb:8000
      WORKBENCH_LOCAL_HOSTS: dynamodb
      WORKBENCH_PREFIX: {name}-
      WORKBENCH_PARTICIPANT: {name}
      JUPYTER_TOKEN: "{token}"
    depends_on:
      - dynamodb
"""


@dataclass(frozen=True)
class Seat:
    """A participant's Lab: the name of its service, which is also its prefix, the port, and the token."""

    name: str
    port: int
    token: str

    def url(self, host: str) -> str:
        """The address to hand out."""
        return f"http://{host}:{self.port}/lab/tree/workshop/01_scan.ipynb?token={self.token}"


@dataclass(frozen=True, repr=False)
class Seats(Result):
    """The Labs of a workshop on one host."""

    seats: tuple[Seat, ...]
    host: str = "127.0.0.1"

    def summary_line(self) -> str:
        return f"{len(self.seats)} Labs on ports {self.seats[0].port} to {self.seats[-1].port}"

    def shown(self) -> dict[str, list[object]]:
        """The columns for a terminal: who opens what."""
        return {"participant": [one.name for one in self.seats], "opens": [one.url(self.host) for one in self.seats]}

    def to_frame(self) -> "pd.DataFrame":
        """A line per participant: name and address."""
        import pandas as pd

        return pd.DataFrame(self.shown())

    def compose_file(self) -> str:
        """The file for Docker Compose, to be given beside docker-compose.yml."""
        fixed = {"memory": MEMORY, "results": RESULTS, "user": lab_user()}
        services = [SERVICE.format(name=s.name, port=s.port, token=s.token, **fixed) for s in self.seats]
        return "".join([HEAD, *services, "volumes:\n", *(f"  {seat.name}: {{}}\n" for seat in self.seats)])

    def write(self, folder: str | Path) -> Path:
        """Write the file into a clone and make the folder for results; FileExistsError if there is a file already.

        Nobody but you may read the file. The folder is made here, for Labs to write in: Docker would make it root's.
        """
        path = Path(folder) / FILE
        if not path.with_name("docker-compose.yml").exists():
            raise FileNotFoundError("there is no docker-compose.yml here: run it in a clone of the project")
        try:
            new = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise FileExistsError(f"{FILE} is here already, with tokens in use: remove it to make another") from None
        with os.fdopen(new, "w", encoding="utf-8") as file:
            file.write(self.compose_file())
        Path(folder, RESULTS).mkdir(parents=True, exist_ok=True)
        if lab_user() != user_id():  # root's Labs do not run as root, and write there
            os.chown(Path(folder, RESULTS), lab_user(), -1)
        return path


def user_id() -> int:
    """The user who runs this; where there are no user ids, the one of the image."""
    return os.getuid() if hasattr(os, "getuid") else IMAGES_USER


def lab_user() -> int:
    """The user id that Labs run as, so that they may write results: yours, but never root's."""
    return user_id() or IMAGES_USER


def seats(participants: int, *, first_port: int = FIRST_PORT, host: str = "127.0.0.1") -> Seats:
    """So many Labs, each with a random token, on ports from `first_port` on; ValueError for numbers that cannot be.

    >>> seats(2).summary_line()
    '2 Labs on ports 8901 to 8902'
    """
    if not 1 <= participants <= MOST:
        raise ValueError(f"{participants} participants: one host takes 1 to {MOST} Labs; share them out to several")
    if not 1024 <= first_port <= 65_535 - participants:
        raise ValueError(f"port {first_port}: the first port lies from 1024 to {65_535 - participants}")
    numbers = range(1, participants + 1)
    made = (Seat(f"p{n:02}", first_port + n - 1, secrets.token_hex(16)) for n in numbers)
    return Seats(tuple(made), host)
