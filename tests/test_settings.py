"""Where files live, by the environment."""

import re
from pathlib import Path

import pytest

import qrsession
from qrsession.settings import VARIABLES, Settings, log_file_of

pytestmark = pytest.mark.fast


def test_home_holds_every_folder(tmp_path: Path) -> None:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    assert settings.state_dir == tmp_path / "state"
    assert settings.state_file == tmp_path / "state" / "state.toml"
    assert settings.data_dir == tmp_path / "data"
    assert settings.cache_dir == tmp_path / "cache"
    assert settings.runtime_dir == tmp_path / "state" / "local"
    assert (settings.session, settings.account, settings.in_ci) == (None, None, False)


def test_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environ({"QRSESSION_HOME": "here", "QRSESSION_STATE": "my.toml"})
    assert settings.state_dir == tmp_path / "here" / "state"
    assert settings.state_file == tmp_path / "my.toml"


def test_without_a_home_the_folders_are_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings.from_environ({})
    for folder in (settings.state_dir, settings.data_dir, settings.cache_dir):
        assert folder.name == "qrsession"
        assert folder.is_relative_to(tmp_path)
    assert settings.accounts_file == tmp_path / ".qiskit" / "qiskit-ibm.json"


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "QRSESSION_HOME": str(tmp_path),
            "QRSESSION_STATE": "",
            "QRSESSION_SESSION": "",
            "QRSESSION_ACCOUNT": "",
        }
    )
    assert settings.state_file == tmp_path / "state" / "state.toml"
    assert (settings.session, settings.account) == (None, None)


def test_session_and_account_come_from_the_environment(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "QRSESSION_HOME": str(tmp_path),
            "QRSESSION_SESSION": "calm-otter",
            "QRSESSION_ACCOUNT": "local",
        }
    )
    assert (settings.session, settings.account) == ("calm-otter", "local")


@pytest.mark.parametrize(
    ("value", "in_ci"),
    [("true", True), ("1", True), ("", False), ("0", False), ("False", False), ("no", False)],
)
def test_ci_is_told_by_its_variable(tmp_path: Path, value: str, in_ci: bool) -> None:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path), "CI": value})
    assert settings.in_ci is in_ci


def test_the_log_is_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert log_file_of({}) is None
    assert log_file_of({"QRSESSION_LOG": ""}) is None
    assert log_file_of({"QRSESSION_LOG": "all.log"}) == tmp_path / "all.log"


def test_every_variable_of_ours_is_listed() -> None:
    """What is not listed is taken for a misspelt one by `doctor`."""
    package = Path(qrsession.__file__).parent
    texts = [path.read_text() for path in package.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"(?<!_)QRSESSION_[A-Z]\w*", text)}
    assert named == set(VARIABLES)
