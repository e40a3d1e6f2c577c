"""CSV: whole outputs, read back by the csv module; every column in its place."""

import csv
from array import array

import pytest

from qrsession.protocol.typed import BitSamples
from qrsession.pubs.captions import Caption
from qrsession.pubs.values import ParameterValues
from qrsession.render.comma_separated import csv_lines
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub

pytestmark = pytest.mark.fast

SWEEP = ParameterValues({"theta": array("d", [0.1, 1 / 3]), "count": array("d", [1, 2])}, (2,))


def text_of(*pubs: Pub) -> str:
    return "".join(csv_lines(pubs))


def test_samples_of_several_pubs_registers_and_points() -> None:
    swept = SampledPub(
        {"a": BitSamples(bytes([0, 1, 1, 1]), 1, 2, (2,))}, caption=Caption("s.qasm", SWEEP)
    )
    single = SampledPub({"low": BitSamples(b"\1", 1, 1), "up": BitSamples(b"\2", 2, 1)})
    assert text_of(swept, single) == (
        "pub,circuit,point,theta,parameter count,registers,bitstring,count,shots\n"
        "0,s.qasm,0,0.1,1.0,a,0,1,2\n"
        "0,s.qasm,0,0.1,1.0,a,1,1,2\n"
        "0,s.qasm,1,0.3333333333333333,2.0,a,1,2,2\n"
        "1,,0,,,up low,10 1,1,1\n"
    )


def test_values_of_several_observables_and_points() -> None:
    caption = Caption('a "b",c.qasm', SWEEP, ("ZZ", "0.5*XX + 0.2*YY"), has_observable_axis=True)
    pub = EstimatedPub([0.1, 0.2, -0.3, float("nan")], [0.01, 0.0, 1e-9, 0.0], (2, 2), {}, caption)
    text = text_of(pub, EstimatedPub([1.0], [0.5]))
    assert text == (
        "pub,circuit,point,theta,count,observable,ev,std\n"
        '0,"a ""b"",c.qasm",0,0.1,1.0,ZZ,0.1,0.01\n'
        '0,"a ""b"",c.qasm",1,0.3333333333333333,2.0,ZZ,0.2,0.0\n'
        '0,"a ""b"",c.qasm",0,0.1,1.0,0.5*XX + 0.2*YY,-0.3,1e-09\n'
        '0,"a ""b"",c.qasm",1,0.3333333333333333,2.0,0.5*XX + 0.2*YY,nan,0.0\n'
        "1,,0,,,,1.0,0.5\n"
    )
    assert {len(row) for row in csv.reader(text.splitlines())} == {8}


def test_there_is_always_a_header() -> None:
    assert text_of() == "pub,circuit,point,registers,bitstring,count,shots\n"
    assert text_of(SampledPub({"c": BitSamples(b"", 1, 0)})).count("\n") == 1
    assert text_of(EstimatedPub([], [], (0,))) == "pub,circuit,point,observable,ev,std\n"


def test_names_stay_on_one_line() -> None:
    values = ParameterValues({"a\nb\x1b[2J": array("d", [1.0])})
    pub = SampledPub({"c\rd": BitSamples(b"\1", 1, 1)}, caption=Caption("x\ny", values))
    assert text_of(pub) == (
        "pub,circuit,point,a b[2J,registers,bitstring,count,shots\n0,x y,0,1.0,c d,1,1,1\n"
    )
