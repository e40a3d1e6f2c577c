"""Circuits that pass or fail: by exit code, in lines for people, in the envelope and as JUnit."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.conftest import Cli
from tests.e2e.programs import ENDLESS_SHOTS, SLOW, write

pytestmark = pytest.mark.timeout(120)

ON_SIMULATOR = ("run", "--local", "--backend", "aer_simulator")
ON_TWIN = ("run", "--local", "--backend", "ibm_fez", "--shots", "10000")


def junit(cli: Cli) -> tuple[ET.Element, list[ET.Element]]:
    root = ET.parse(cli.folder / "report.xml").getroot()  # noqa: S314 - it is our own
    return root, list(root.iter("testcase"))


def test_bell_passes_without_noise(cli: Cli) -> None:
    """Bounds that 1000 shots break less than once in 10^9 times: 0.1 is 6 standard errors."""
    wishes = ("--min-fidelity", "0.95", "--max-tvd", "0.1", "--expect-value", "ZZ=1±0.05")
    more = ("--expect-value", "0.5*ZI + 0.5*IZ=0+-0.2", "--junit", "report.xml")
    done = cli.run(*ON_SIMULATOR, "@bell", "--shots", "1000", *wishes, *more)
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[0] for line in sorted(done.stdout.splitlines())] == ["00", "11"]
    told = [line for line in done.stderr.splitlines() if line.startswith("holds: ")]
    assert len(told) == 4
    assert told[2] == "holds: ZZ 1.000 ± 0.000, expected 1 ± 0.05"
    root, cases = junit(cli)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "0", "0")
    assert [case.get("name") for case in cases] == [
        "fidelity at least 0.95",
        "TVD at most 0.1",
        "ZZ expected 1 ± 0.05",
        "0.5*ZI + 0.5*IZ expected 0 ± 0.2",
    ]


def test_noise_fails_what_cannot_hold(cli: Cli) -> None:
    """A twin's readout errs in one of a hundred: its fidelity never comes to 0.9999."""
    wishes = ("--min-fidelity", "0.9999", "--max-tvd", "0.3", "--junit", "report.xml")
    done = cli.run(*ON_TWIN, "@bell", *wishes, "--output", "kept.json")
    assert done.returncode == 11
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {"00", "01", "10", "11"}
    *_, fails, holds, error, advice = done.stderr.splitlines()
    assert fails.startswith("fails: fidelity 0.9")
    assert holds.startswith("holds: TVD 0.0")
    assert error.startswith("error: 1 of 2 expectations do not hold: @bell: fidelity 0.9")
    kept = json.loads((cli.folder / "kept.json").read_text())
    assert advice.endswith(f"qrsession result {kept['job']['job_id']}")
    assert [one["holds"] for one in kept["expectations"]] == [False, True]
    root, cases = junit(cli)
    assert (root.get("failures"), root.get("errors")) == ("1", "0")
    assert [case.find("failure") is not None for case in cases] == [True, False]
    (cli.folder / "ideal.json").write_text('{"00": 0.5, "11": 0.5}')
    later = ("result", kept["job"]["job_id"], "--min-fidelity", "0.9999")
    judged = cli.error(11, *later, "--reference", "ideal.json")["details"]
    assert judged["pubs"] == kept["pubs"]
    assert judged["expectations"][0]["value"] == kept["expectations"][0]["value"]
    assert judged["expectations"][0]["circuit"] == "@bell"
    assert "--reference" in cli.error(2, *later)["advice"]
    # What was printed can be compared with: the same device, twice, agrees within its noise.
    (cli.folder / "counts.tsv").write_text(done.stdout)
    for file in ("counts.tsv", "kept.json"):
        again = cli.data(*ON_TWIN, "@bell", "--reference", file, "--min-fidelity", "0.99")
        (seen,) = again["expectations"]
        assert seen["holds"]
        assert seen["at_least"] == 0.99
        assert (seen["circuit"], seen["pub"], seen["kind"]) == ("@bell", 0, "fidelity")


def test_a_result_is_judged_by_its_bits_later(cli: Cli) -> None:
    """Its circuit is not known then: a letter is for a bit, whichever qubit was read into it."""
    (cli.folder / "crossed.qasm").write_text(
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[2]; '
        "x q[0]; measure q[0] -> c[1]; measure q[2] -> c[0];"
    )
    job_id = cli.ok(*ON_SIMULATOR, "crossed.qasm", "--shots", "50", "--detach").strip()
    wait = ("result", job_id, "--wait", "--junit", "report.xml")
    held = cli.data(*wait, "--expect-value", "ZI=-1±0.01", "--expect-value", "IZ>=1")
    assert [one["holds"] for one in held["expectations"]] == [True, True]
    _, cases = junit(cli)
    assert [case.get("classname") for case in cases] == ["crossed.qasm", "crossed.qasm"]
    assert cli.run(*wait, "--expect-value", "ZI>=0").returncode == 11
    root, _ = junit(cli)
    assert (root.get("failures"), root.get("errors")) == ("1", "0")
    error = cli.error(2, *wait, "--expect-value", "ZII>=0")
    assert "crossed.qasm has 2 bits" in error["message"]


def test_a_report_of_a_result_that_did_not_come(cli: Cli) -> None:
    write(cli, "slow.qasm", SLOW)
    job_id = cli.ok(*ON_SIMULATOR, "slow.qasm", "--shots", ENDLESS_SHOTS, "--detach").strip()
    cli.error(8, "result", job_id, "--junit", "report.xml")
    _, (case,) = junit(cli)
    (error,) = case.iter("error")
    assert (case.get("classname"), error.get("type")) == ("slow.qasm", "not_finished")
    cli.ok("cancel", job_id)
    assert cli.run("result", job_id, "--wait", "--junit", "report.xml").returncode == 7
    _, (case,) = junit(cli)
    (error,) = case.iter("error")
    assert error.get("type") == "job_cancelled"


def test_the_envelope_of_a_failure_has_the_result(cli: Cli) -> None:
    wishes = ("--separate", "--expect-value", "0.5*ZZ + 0.5*ZZ<=0.5", "--junit", "report.xml")
    failed = cli.run(*ON_SIMULATOR, "@bell", "@bell-qasm2", *wishes, "--json")
    assert failed.returncode == 11
    error = json.loads(failed.stdout)["error"]
    assert error["code"] == "expectation_failed"
    expectations = error["details"]["expectations"]
    assert [(one["circuit"], one["pub"]) for one in expectations] == [
        ("@bell", 0),
        ("@bell-qasm2", 1),
    ]
    assert all(one["value"] == 1.0 and one["at_most"] == 0.5 for one in expectations)
    jobs = error["details"]["jobs"]
    assert [one["job_id"] for one in expectations] == [job["job_id"] for job in jobs]
    assert all(set(job["pubs"][0]["counts"]) == {"00", "11"} for job in jobs)
    root, _ = junit(cli)
    assert [suite.get("name") for suite in root] == [job["job_id"] for job in jobs]


def records_in(home: Path) -> dict[Path, int]:
    """Return the files in which jobs are recorded, and their sizes."""
    folders = [home / "state" / name for name in ("jobs", "pending", "results")]
    files = [file for folder in folders for file in folder.glob("*.*")]
    return {file: file.stat().st_size for file in files}


def test_what_cannot_be_judged_costs_nothing(cli: Cli, shared_home: Path) -> None:
    """Refused before anything is sent: no job is recorded, and no intent."""
    cli.ok(*ON_SIMULATOR, "@bell")
    before = records_in(shared_home)
    assert before
    (cli.folder / "wide.json").write_text('{"000": 1.0}')
    refused = {
        ("--expect-value", "ZZZ=1±0.1"): "3 letters",
        ("--expect-value", "XX=1±0.1"): "has an X or a Y",
        ("--expect-value", "ZZ=1"): "no tolerance",
        ("--min-fidelity", "1.5"): "must be 0 to 1",
        ("--min-fidelity", "0.9", "--reference", "wide.json"): "no outcome of @bell",
        ("--reference", "wide.json"): "none is asked for",
        ("--min-fidelity", "0.9", "--detach"): "--detach waits for no result",
        ("--junit", "report.xml", "--estimate"): "--estimate waits for no result",
        ("--junit", "nowhere/report.xml"): "no folder",
    }
    for wishes, words in refused.items():
        error = cli.error(2, *ON_SIMULATOR, "@bell", *wishes)
        assert words in error["message"]
    assert not (cli.folder / "report.xml").exists()
    assert records_in(shared_home) == before


def test_noise_that_would_break_a_bound_is_told_beforehand(cli: Cli) -> None:
    """With 10 shots of Bell a distance of 0 is one chance in four: 0.123 on average."""
    done = cli.run(*ON_SIMULATOR, "@bell", "--shots", "10", "--max-tvd", "0.1", "-q")
    assert done.returncode in {0, 11}
    first = done.stderr.splitlines()[0]
    assert first.startswith("warning: @bell: with 10 shots a perfect device comes to TVD 0.123")


def test_a_report_is_written_of_what_did_not_end(cli: Cli) -> None:
    late = (*ON_SIMULATOR, "@grover", "--shots", "100000", "--timeout", "0")
    done = cli.run(*late, "--junit", "report.xml", "--min-fidelity", "0.5")
    assert done.returncode == 124, done.stderr
    root, cases = junit(cli)
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    error = cases[0].find("error")
    assert error is not None
    assert error.get("type") == "timeout"
    assert {one.get("name") for one in root.iter("property")} >= {"job_id", "backend"}
    # Nothing was sent at all.
    cli.error(4, "run", "--local", "--backend", "nowhere", "@bell", "--junit", "report.xml")
    root, cases = junit(cli)
    assert root[0].get("name") == "not submitted"
    assert next(cases[0].iter("error")).get("type") == "backend_not_found"
