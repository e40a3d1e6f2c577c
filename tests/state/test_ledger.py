"""The ledger: what is found, chosen, kept and set aside."""

import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrsession.errors import InvalidValueError, SessionNotFoundError, StorageError, UsageError
from qrsession.names import check_name, free_name, new_name
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"


class World:
    """A ledger in a folder of its own, and the warnings that it gave."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings.from_environ({"QRSESSION_HOME": str(home)})
        self.warnings: list[str] = []
        self.ledger = Ledger(self.settings, warn=self.warnings.append, now=lambda: NOW)

    def write(self, text: str) -> None:
        self.settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.settings.state_file.write_text(text)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


def entry(name: str = "", session_id: str = "5a6d4397") -> SessionEntry:
    return SessionEntry(name, session_id, "aer_simulator", "dedicated", "local", NOW)


def test_empty_ledger_has_nothing_and_makes_nothing(world: World, tmp_path: Path) -> None:
    view = world.ledger.read()
    assert (dict(view.sessions), view.current) == ({}, None)
    assert not (tmp_path / "home").exists()


def test_opened_session_is_kept_and_current(world: World) -> None:
    added = world.ledger.add(entry("mine"))
    view = Ledger(world.settings).read()
    assert dict(view.sessions) == {"mine": added}
    assert view.current == "mine"
    world.ledger.add(entry("other", "77"), make_current=False)
    assert world.ledger.read().current == "mine"
    assert world.ledger.set_current("77").name == "other"
    assert world.ledger.read().current == "other"


def test_session_without_a_name_gets_a_pair_of_words(world: World) -> None:
    names = {world.ledger.add(entry(session_id=f"id-{number}")).name for number in range(20)}
    assert len(names) == 20
    assert all(name.count("-") >= 1 and check_name(name) for name in names)
    assert set(world.ledger.read().sessions) == names


def test_name_taken_meanwhile_does_not_lose_the_session(world: World) -> None:
    world.ledger.add(entry("mine", "1"))
    with pytest.raises(InvalidValueError, match="open already"):
        world.ledger.check_free("mine")
    assert world.ledger.add(entry("mine", "2")).name == "mine-2"
    assert "taken meanwhile" in world.warnings[0]
    assert world.ledger.find("2").name == "mine-2"


def test_session_entered_twice_keeps_its_name(world: World) -> None:
    world.ledger.add(entry("mine", "1"))
    again = world.ledger.add(entry("yours", "1"))
    assert again.name == "mine"
    assert list(world.ledger.read().sessions) == ["mine"]


def test_what_is_known_of_a_session_is_updated_while_it_is_open(world: World) -> None:
    added = world.ledger.add(entry("mine"))
    active = SessionEntry.from_record("mine", added.to_record() | {"state": "active"})
    assert world.ledger.update(active)
    assert world.ledger.find("mine").state == "active"
    world.ledger.remove([added.session_id])
    assert not world.ledger.update(active)
    assert not world.ledger.read().sessions


def test_session_is_found_by_name_id_and_unique_prefix(world: World) -> None:
    world.ledger.add(entry("calm-otter", "5a6d-1"))
    world.ledger.add(entry("calm-owl", "5a77-2"))
    find = world.ledger.find
    assert find("calm-otter").name == "calm-otter"
    assert find("5a77-2").name == "calm-owl"
    assert find("calm-ot").name == "calm-otter"
    assert find("5a77").name == "calm-owl"
    for key in ("calm", "5a"):
        with pytest.raises(InvalidValueError, match="calm-otter, calm-owl") as caught:
            find(key)
        assert caught.value.details["candidates"] == ["calm-otter", "calm-owl"]
    for key in ("", "otter", "x" * 1000):
        with pytest.raises(SessionNotFoundError):
            find(key)


def test_exact_name_wins_over_longer_ones(world: World) -> None:
    world.ledger.add(entry("a", "1"))
    world.ledger.add(entry("ab", "2"))
    assert world.ledger.find("a").session_id == "1"


def test_name_of_a_closed_session_stands_for_no_longer_one(world: World) -> None:
    for name, session_id in (("run-1", "1"), ("run-10", "2"), ("run-11", "3")):
        world.ledger.add(entry(name, session_id))
    assert world.ledger.remove(["1"])
    for act in (world.ledger.find, world.ledger.set_current):
        with pytest.raises(SessionNotFoundError):
            act("run-1")
    world.ledger.remove(["3"])
    with pytest.raises(SessionNotFoundError):
        world.ledger.choose("run-1", None, interactive=True)
    assert world.ledger.find("run-").name == "run-10"
    world.ledger.add(entry("run-1", "4"))
    assert world.ledger.find("run-1").session_id == "4"


@pytest.mark.parametrize("interactive", [True, False])
def test_named_session_comes_before_the_environments(world: World, interactive: bool) -> None:
    world.ledger.add(entry("one", "1"))
    world.ledger.add(entry("two", "2"))
    choose = world.ledger.choose
    assert choose("one", "two", interactive=interactive).name == "one"
    assert choose(None, "two", interactive=interactive).name == "two"
    with pytest.raises(SessionNotFoundError, match="QRSESSION_SESSION"):
        choose(None, "three", interactive=interactive)


def test_current_session_counts_alone_where_nobody_sits(world: World) -> None:
    choose = world.ledger.choose
    world.ledger.add(entry("one", "1"))
    assert choose(None, None, interactive=False).name == "one"
    world.ledger.add(entry("two", "2"))
    assert choose(None, None, interactive=True).name == "two"
    with pytest.raises(UsageError, match="one, two") as caught:
        choose(None, None, interactive=False)
    assert caught.value.exit_code == 2
    assert all(word in caught.value.advice for word in ("-s", "QRSESSION_SESSION", "exec"))


def test_after_close_nothing_is_current(world: World) -> None:
    choose = world.ledger.choose
    for interactive in (True, False):
        with pytest.raises(SessionNotFoundError, match="none is open"):
            choose(None, None, interactive=interactive)
    world.ledger.add(entry("one", "1"))
    world.ledger.add(entry("two", "2"))
    world.ledger.remove(["2"])
    assert world.ledger.read().current is None
    for interactive in (True, False):
        with pytest.raises(UsageError, match="one"):
            choose(None, None, interactive=interactive)


def test_long_lists_of_candidates_are_cut(world: World) -> None:
    for number in range(8):
        world.ledger.add(entry(f"s{number}", f"id-{number}"))
    with pytest.raises(InvalidValueError, match="s0, s1, s2, s3, s4 and 3 more"):
        world.ledger.find("s")


def test_closed_session_moves_to_the_history(world: World) -> None:
    world.ledger.add(entry("one", "1"))
    world.ledger.add(entry("two", "2"))
    removed = world.ledger.remove(["1", "unknown"])
    assert [session.name for session in removed] == ["one"]
    assert list(world.ledger.read().sessions) == ["two"]
    assert world.ledger.read().current == "two"
    closed = world.ledger.history.find("one")
    assert closed is not None
    assert closed.entry == removed[0]
    assert closed.closed_at == NOW
    assert world.ledger.remove(["1"]) == ()


def test_old_file_loads_and_keeps_what_is_unknown(world: World) -> None:
    world.write((DATA / "state-v1.toml").read_text())
    otter = world.ledger.find("calm-otter")
    assert otter == SessionEntry(
        name="calm-otter",
        session_id="5a6d4397-42c6-4dc6-969a-b1c90286a715",
        backend="ibm_fez",
        mode="dedicated",
        account="work",
        opened_at=NOW.replace(microsecond=250_000),
        instance="crn:v1:bluemix:public:quantum-computing:us-east:a/0123::",
        url="https://quantum.cloud.ibm.com/api/v1",
        max_time_s=5400,
        state="active",
        accepting_jobs=True,
        expires_at=NOW.replace(hour=13, minute=30),
        usage_s=12.5,
        seen_at=NOW.replace(minute=10),
    )
    assert world.ledger.find("batch.2").opened_at == NOW - timedelta(hours=2)
    world.ledger.add(entry("new", "3"))
    world.ledger.update(otter)
    world.ledger.set_current("batch.2")
    document = tomllib.loads(world.settings.state_file.read_text())
    assert document["theme"] == "dark"
    assert document["plugins"] == {"example": {"enabled": True}}
    assert document["sessions"]["calm-otter"]["colour"] == "teal"
    assert document["sessions"]["batch.2"]["limits"] == {"shots": 10, "per": [1, 2]}
    world.ledger.remove([otter.session_id])
    kept = next((world.settings.state_dir / "history").iterdir()).read_text()
    assert tomllib.loads(kept)["session"]["colour"] == "teal"


DAMAGED = {
    "not TOML": "schema_version = 1\n[sessions",
    "not text": "schema_version = 1\n\x00",
    "no version": "current = 'x'",
    "version of another type": "schema_version = true",
    "sessions of another type": "schema_version = 1\nsessions = 3",
    "an entry of another type": "schema_version = 1\nsessions = { a = 3 }",
    "an entry without an id": "schema_version = 1\n[sessions.a]\nmode = 'batch'",
    "current of another type": "schema_version = 1\ncurrent = 7",
    "a number in place of a time": (
        "schema_version = 1\n[sessions.a]\nsession_id = '1'\nmode = 'batch'\naccount = 'local'\n"
        "opened_at = 7"
    ),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_file_is_set_aside_by_a_change_alone(world: World, text: str) -> None:
    world.write(text)
    for read in (world.ledger.read, lambda: world.ledger.choose(None, None, interactive=True)):
        with pytest.raises(StorageError, match="damaged") as caught:
            read()
        assert caught.value.details["damaged"] is True
    assert world.settings.state_file.read_text() == text
    assert not world.warnings

    world.ledger.add(entry("mine"))
    aside = world.settings.state_dir / "state.toml.damaged-20260131T120000Z"
    assert aside.read_text() == text
    assert str(aside) in world.warnings[0]
    assert list(world.ledger.read().sessions) == ["mine"]

    world.write(text)
    world.ledger.add(entry("mine"))
    assert aside.with_name(f"{aside.name}-2").read_text() == text


def test_file_of_a_newer_version_is_neither_read_nor_changed(world: World) -> None:
    text = "schema_version = 2\n"
    world.write(text)
    with pytest.raises(StorageError, match="newer qrsession"):
        world.ledger.read()
    with pytest.raises(StorageError, match="newer qrsession"):
        world.ledger.add(entry("mine"))
    with pytest.raises(StorageError, match="newer qrsession"):
        world.ledger.remove(["1"])
    with pytest.raises(StorageError, match="newer qrsession"):
        world.ledger.set_current("1")
    assert world.settings.state_file.read_text() == text
    assert {path.name for path in world.settings.state_dir.iterdir()} == {
        "state.toml",
        "state.toml.lock",
    }


def test_empty_file_is_an_empty_ledger(world: World) -> None:
    world.write("")
    assert not world.ledger.read().sessions
    world.ledger.add(entry("mine"))
    assert not world.warnings


def test_current_that_is_not_open_is_none(world: World) -> None:
    world.write("schema_version = 1\ncurrent = 'gone'\n")
    assert world.ledger.read().current is None


def test_ledger_elsewhere_keeps_the_rest_at_home(tmp_path: Path) -> None:
    file = tmp_path / "project" / "ledger.toml"
    settings = Settings.from_environ(
        {"QRSESSION_HOME": str(tmp_path / "home"), "QRSESSION_STATE": str(file)}
    )
    ledger = Ledger(settings)
    assert not ledger.read().sessions
    ledger.add(entry("mine", "1"))
    assert file.stat().st_mode & 0o777 == 0o600
    ledger.remove(["1"])
    assert ledger.history.find("mine")
    file.parent.chmod(0o777)
    for use in (ledger.read, lambda: ledger.add(entry("mine", "1"))):
        with pytest.raises(StorageError, match="cannot be trusted"):
            use()


def test_folder_and_file_that_are_not_ours_are_refused(world: World) -> None:
    world.ledger.add(entry("mine", "1"))
    world.settings.state_dir.chmod(0o755)
    for use in (world.ledger.read, lambda: world.ledger.add(entry("yours", "2"))):
        with pytest.raises(StorageError, match="open to other users"):
            use()
    world.settings.state_dir.chmod(0o700)
    target = world.settings.state_dir / "elsewhere.toml"
    world.settings.state_file.rename(target)
    world.settings.state_file.symlink_to(target)
    for use in (world.ledger.read, lambda: world.ledger.add(entry("yours", "2"))):
        with pytest.raises(StorageError, match="symbolic link"):
            use()


def test_change_that_changes_nothing_writes_nothing(world: World) -> None:
    world.ledger.add(entry("mine", "1"))
    before = world.settings.state_file.stat().st_ino
    world.ledger.set_current("mine")
    world.ledger.remove(["unknown"])
    assert world.settings.state_file.stat().st_ino == before


def test_locked_ledger_can_be_read_and_names_its_lock_on_change(world: World) -> None:
    from qrsession import storage  # noqa: PLC0415 - only this test takes the lock by hand

    world.ledger.add(entry("mine", "1"))
    impatient = Ledger(world.settings, lock_timeout_s=0.05)
    with storage.locked(world.settings.state_file):
        assert list(impatient.read().sessions) == ["mine"]
        with pytest.raises(StorageError, match=r"state\.toml\.lock"):
            impatient.add(entry("yours", "2"))


zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-840, 840))
moments = st.datetimes(
    min_value=datetime(2000, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=zones,
).map(lambda moment: moment.astimezone(UTC))
texts = st.text(st.characters(codec="utf-8"), max_size=30)
entries = st.builds(
    SessionEntry,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True),
    session_id=texts,
    backend=st.none() | texts,
    mode=texts,
    account=texts,
    opened_at=moments,
    instance=st.none() | texts,
    url=st.none() | texts,
    max_time_s=st.none() | st.integers(0, 2**31),
    state=texts.filter(bool),
    accepting_jobs=st.booleans(),
    expires_at=st.none() | moments,
    usage_s=st.none() | st.floats(0, 1e9),
    seen_at=st.none() | moments,
)


@settings(max_examples=25)
@given(st.lists(entries, max_size=4, unique_by=(lambda e: e.name, lambda e: e.session_id)))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, all_: list[SessionEntry]
) -> None:
    world = World(tmp_path_factory.mktemp("home"))
    for one in all_:
        world.ledger.add(one)
    assert list(world.ledger.read().sessions.values()) == all_
    closed = world.ledger.remove([one.session_id for one in all_])
    assert list(closed) == all_
    kept = {session.entry.session_id: session.entry for session in world.ledger.history.read()}
    assert kept == {one.session_id: one for one in all_}


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "é", "a" * 64, "a\n", "@last"])
def test_names_of_another_form_are_refused(world: World, name: str) -> None:
    with pytest.raises(InvalidValueError):
        check_name(name)
    with pytest.raises(InvalidValueError):
        world.ledger.check_free(name)


def test_new_names_avoid_those_taken() -> None:
    first = new_name((), pick=lambda _limit: 0)
    assert first == "able-acorn"
    assert new_name({first}, pick=lambda _limit: 0) == "able-acorn-2"
    assert free_name("a" * 63, {"a" * 63}) == "a" * 61 + "-2"
