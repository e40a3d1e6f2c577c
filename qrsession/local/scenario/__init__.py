"""A scenario: what goes wrong, how, and how often. Data and its reading, nothing else.

TOML or JSON: a ``seed``, lists of ``rules`` for requests, of ``jobs`` and of ``backends``, and the
tables ``tokens`` and ``usage``. All seconds are real time, whatever the runtime's clock does: a
client's time-outs are too. Those that are counted as usage are what a bill would say.
"""

from qrsession.local.scenario.document import (
    Scenario,
    parse_scenario,
    read_document,
    read_scenario,
)
from qrsession.local.scenario.reading import ALWAYS
from qrsession.local.scenario.requests import Effect, Rule, When

__all__ = [
    "ALWAYS",
    "Effect",
    "Rule",
    "Scenario",
    "When",
    "parse_scenario",
    "read_document",
    "read_scenario",
]
