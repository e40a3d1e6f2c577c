"""What is taken for an API key, and what cannot be one."""

import pytest

from qrsession.accounts.api_key import LONGEST_BYTES, parse_key
from qrsession.errors import InvalidValueError

pytestmark = pytest.mark.fast

KEY = "Ab3-_xyz0123456789"


@pytest.mark.parametrize(
    "given",
    [
        KEY,
        f"{KEY}\n",
        f"{KEY}\r\n",
        KEY.encode(),
        b"\xef\xbb\xbf" + KEY.encode(),
        f'{{"name": "mine", "apikey": "{KEY}"}}',
        f'\n {{"apikey": "{KEY}"}}\n'.encode(),
    ],
)
def test_keys(given: bytes | str) -> None:
    assert parse_key(given, "The file") == KEY


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "no key"),
        (" \n", "no key"),
        ("\n\n", "no key"),
        (f"{KEY}\n\n", "several lines"),
        (f"{KEY}\n{KEY}", "several lines"),
        (f"{KEY} ", "blanks"),
        (f" {KEY}", "blanks"),
        (f"{KEY}\t{KEY}", "blanks"),
        (f"{KEY}\x00", "no key has"),
        (f"{KEY}\x1b[2J", "no key has"),
        (f"{KEY}é", "no key has"),
        (f"\u202e{KEY}", "no key has"),
        (f"'{KEY}'", "quotes"),
        (f'"{KEY}"', "quotes"),
        (f"`{KEY}", "quotes"),
        (KEY * LONGEST_BYTES, "more than a key"),
        (b"\xff\xfe" + KEY.encode(), "no text"),
        ("{", "'apikey'"),
        (f'{{"token": "{KEY}"}}', "'apikey'"),
        (f'{{"apikey": ["{KEY}"]}}', "no text"),
        (f'{{"apikey": "{KEY} "}}', "blanks"),
        ('{"a":' * 100_000, "'apikey'"),
    ],
    ids=range(22),
)
def test_what_is_no_key_is_refused_without_being_repeated(given: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=f"^The file .*{reason}") as caught:
        parse_key(given, "The file")
    assert KEY not in str(caught.value)
