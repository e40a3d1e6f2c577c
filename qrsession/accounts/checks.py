"""What an account must be like before it is saved: wrong once here, it is wrong at each use."""

from dataclasses import replace
from urllib.parse import urlsplit

from qrsession.accounts.account import CHANNELS, DEFAULT_NAMES, RESERVED_NAMES, Account, Resubmit
from qrsession.accounts.reports import without_sign_on
from qrsession.errors import InvalidValueError
from qrsession.names import check_name

REGIONS = ("us-east", "eu-de")
_PROXY_SCHEMES = frozenset({"http", "https"})
_CRN_SEGMENTS = 8
_CRN_FORM = "crn:v1:bluemix:public:quantum-computing:REGION:a/ACCOUNT:INSTANCE::"


def check_new_name(name: str) -> str:
    """Return the name of an account that is to be saved, if it can have it.

    Raises:
        InvalidValueError: It is no name, or means a built-in account.
    """
    if name in RESERVED_NAMES:
        raise InvalidValueError(
            f"The name {name!r} is reserved: an account so named is built in.",
            advice="Choose another name.",
        )
    return name if name in DEFAULT_NAMES.values() else check_name(name, "an account")


def check_settings(account: Account) -> None:
    """Check all of an account but its key.

    Its URLs are held to the rules of their use: a key goes to IBM's cloud or to the host that the
    user named, and over plain http to this machine alone.

    Raises:
        InvalidValueError: Something in it cannot be used.
    """
    # Imported here because it loads the HTTP client, which no other account command needs.
    from qrsession.client.endpoints import endpoint_of, token_url_of  # noqa: PLC0415

    _check_choice("channel", account.channel, CHANNELS)
    _check_choice("resubmit", account.resubmit, tuple(Resubmit))
    if account.region is not None:
        _check_choice("region", account.region, REGIONS)
    if account.instance is not None:
        _check_instance(account.instance)
    for what, words in (("plan", account.plans_preference), ("tag", account.tags)):
        for word in words:
            _check_word(what, word)
    for url in account.proxies.values():
        check_proxy(url)
    is_crn = (account.instance or "").startswith("crn:")
    # A name leads to a CRN when it is looked up, and that to a host.
    located = replace(account, instance=account.instance if is_crn else None, iam_url=None)
    endpoint_of(located)
    token_url_of(located)


def check_proxy(url: str) -> str:
    """Return the URL of a proxy, if it is one of http or https.

    Raises:
        InvalidValueError: It is not.
    """
    try:
        parts = urlsplit(url)
        is_good = bool(
            parts.scheme in _PROXY_SCHEMES
            and parts.hostname
            and parts.port != 0
            and parts.path in {"", "/"}
            and not parts.query
            and not parts.fragment
            and url.isascii()
            and url.isprintable()
            and " " not in url
            and "\\" not in url
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidValueError(
            f"{without_sign_on(url)!r} is not the URL of a proxy.",
            advice="Give http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the "
            "host where it asks for them, special characters as %XX.",
        )
    return url


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidValueError(f"The {what} is {value!r}; it must be {' or '.join(known)}.")


def _check_instance(instance: str) -> None:
    _check_word("instance", instance)
    if not instance.startswith("crn:"):
        return
    is_whole = instance.count(":") >= _CRN_SEGMENTS - 1
    if not is_whole or not instance.isascii() or " " in instance:
        raise InvalidValueError(
            f"{instance!r} is not the CRN of an instance.", advice=f"A whole one reads {_CRN_FORM}"
        )


def _check_word(what: str, word: str) -> None:
    if not word or word != word.strip() or not word.isprintable():
        raise InvalidValueError(f"{word!r} is not the name of a{_n(what)} {what}.")


def _n(word: str) -> str:
    return "n" if word[0] in "aeiou" else ""
