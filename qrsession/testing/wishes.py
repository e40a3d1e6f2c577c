"""What can be said of a failure by name: the fields of rules, for editors and type checkers.

Their meaning stands under "Scenarios" in docs/reference/local-runtime.md, and in
`qrsession.local.scenario`.
"""

from typing import Literal, TypedDict

Times = int | Literal["always"]


class HowOften(TypedDict, total=False):
    """How often a rule applies, and its name in the counts."""

    name: str
    skip: int
    times: Times
    probability: float


class WhichJob(HowOften, total=False):
    """To which jobs a rule applies."""

    program: str
    backend: str
    session_id: str
    tag: str


class HowItEnds(WhichJob, total=False):
    """How a job ends beside its reason, and what it takes."""

    solution: str
    logs: str
    queue_s: float
    run_s: float
    charge_s: float


class WhichRequest(HowOften, total=False):
    """To which requests a rule applies."""

    method: str
    path: str
    path_regex: str
    session_id: str
    tag: str


class WhatItSays(HowOften, total=False):
    """What the error reply to a request says, and what happens beside it."""

    when: Literal["before", "after"]
    code: int
    message: str
    retry_after_s: int
    delay_s: float
    hide_s: float


class HowItFails(WhichRequest, WhatItSays, total=False):
    """To which requests a rule applies, and what their replies say."""
