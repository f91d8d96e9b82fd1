"""Where the workbench keeps what outlives a session."""

from workbench.folders import folder


def test_what_outlives_a_session_lies_in_the_users_folder_unless_workbench_home_names_another(monkeypatch, tmp_path):
    monkeypatch.delenv("WORKBENCH_HOME", raising=False)
    assert folder("cache").name == "dynamodb-workbench"
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    assert folder("cache") == tmp_path / "cache"
