"""What becomes of a result that cannot be written, or must not be kept."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli

pytestmark = pytest.mark.timeout(120)

FULL = Path("/dev/full")
ON_FULL_DISK = pytest.mark.skipif(
    not FULL.exists(), reason="this system has no device that is always full"
)
RUN = ("run", "@rotation", "--param", "theta=0,pi", "--shots", "20", "--quiet")


def captions_in(folder: Path) -> set[Path]:
    """Return the files that say what results are of."""
    return set(folder.rglob("*.captions.json"))


def test_a_private_result_says_what_its_points_are_and_leaves_nothing(
    cli: Cli, session: str, shared_home: Path
) -> None:
    """It can be read once, so what it is of is said then, though nothing of it is kept."""
    assert session
    before = captions_in(shared_home)
    table = cli.ok(*RUN, "--private", "--format", "csv").splitlines()
    assert table[0] == "pub,circuit,point,theta,registers,bitstring,count,shots"
    assert table[1:] == [
        "0,@rotation,0,0.0,c,0,20,20",
        "0,@rotation,1,3.141592653589793,c,1,20,20",
    ]
    wish = ("--primitive", "estimator", "-O", "Z", "--stdin-params", "--private")
    line = cli.ok("run", "@rotation", *wish, stdin=b'{"theta": 0}\n')
    (pub,) = json.loads(line)["pubs"]
    assert (pub["observables"], pub["parameters"], pub["evs"]) == (["Z"], {"theta": 0.0}, 1.0)
    assert captions_in(shared_home) == before
    cli.ok(*RUN)
    assert len(captions_in(shared_home) - before) == 1


@ON_FULL_DISK
def test_a_full_disk_loses_no_result(cli: Cli, session: str) -> None:
    """One that is kept is named; a private one, which a service gives once, is shown."""
    assert session
    kept = cli.error(1, *RUN, "--output", str(FULL))
    assert kept["code"] == "storage"
    command = kept["advice"].partition(": qrsession ")[2].split()
    assert cli.ok(*command) == "0\t0\t20\n1\t1\t20\n"
    private = cli.run(*RUN, "--output", str(FULL), "--private")
    assert (private.returncode, private.stdout) == (1, "0\t0\t20\n1\t1\t20\n")
    assert "No space left" in private.stderr
    assert len(private.stderr.splitlines()) == 2
    enveloped = cli.error(1, *RUN, "--output", str(FULL), "--private")
    assert enveloped["details"]["result"]["pubs"][0]["counts"] == {"0": 20, "1": 20}
