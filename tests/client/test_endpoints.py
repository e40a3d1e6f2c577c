"""From an account to the hosts that get its key and its tokens."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from qrsession.accounts.account import Account
from qrsession.client.endpoints import account_id_of, endpoint_of, token_url_of
from qrsession.errors import InvalidValueError

pytestmark = pytest.mark.fast

US = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct:inst::"
EU = US.replace("us-east", "eu-de")
STAGING = US.replace("bluemix", "staging")
IBM_TOKENS = "https://iam.cloud.ibm.com/identity/token"


def account(url: str, instance: str | None = None, **fields: Any) -> Account:
    return Account("test", "key", url=url, instance=instance, **fields)


@pytest.mark.parametrize(
    ("url", "instance", "private", "base", "tokens"),
    [
        ("https://cloud.ibm.com", US, False, "https://quantum.cloud.ibm.com/api/v1", IBM_TOKENS),
        (
            "https://cloud.ibm.com",
            EU,
            False,
            "https://eu-de.quantum.cloud.ibm.com/api/v1",
            IBM_TOKENS,
        ),
        ("https://cloud.ibm.com", None, False, "https://quantum.cloud.ibm.com/api/v1", IBM_TOKENS),
        (
            "https://cloud.ibm.com",
            "a name",
            False,
            "https://quantum.cloud.ibm.com/api/v1",
            IBM_TOKENS,
        ),
        ("https://CLOUD.IBM.COM/", US, False, "https://quantum.cloud.ibm.com/api/v1", IBM_TOKENS),
        (
            "https://cloud.ibm.com:443",
            US,
            False,
            "https://quantum.cloud.ibm.com/api/v1",
            IBM_TOKENS,
        ),
        (
            "https://cloud.ibm.com",
            US,
            True,
            "https://private.us-east.quantum.cloud.ibm.com/api/v1",
            "https://private.iam.cloud.ibm.com/identity/token",
        ),
        (
            "https://cloud.ibm.com",
            EU,
            True,
            "https://private.eu-de.quantum.cloud.ibm.com/api/v1",
            "https://private.iam.cloud.ibm.com/identity/token",
        ),
        (
            "https://test.cloud.ibm.com",
            STAGING,
            False,
            "https://quantum.test.cloud.ibm.com/api/v1",
            "https://iam.test.cloud.ibm.com/identity/token",
        ),
        (
            "https://quantum.cloud.ibm.com",
            US,
            False,
            "https://quantum.cloud.ibm.com/api/v1",
            IBM_TOKENS,
        ),
        (
            "https://eu-de.quantum.cloud.ibm.com/api/v1/",
            EU,
            False,
            "https://eu-de.quantum.cloud.ibm.com/api/v1",
            IBM_TOKENS,
        ),
    ],
)
def test_the_cloud(url: str, instance: str | None, private: bool, base: str, tokens: str) -> None:
    given = account(url, instance, private_endpoint=private)
    assert endpoint_of(given).base_url == base
    assert endpoint_of(given).instance == instance
    assert token_url_of(given) == tokens


def test_a_region_counts_where_no_crn_has_one() -> None:
    assert (
        "//eu-de.quantum" in endpoint_of(account("https://cloud.ibm.com", region="eu-de")).base_url
    )
    assert (
        "//quantum." in endpoint_of(account("https://cloud.ibm.com", US, region="eu-de")).base_url
    )


@pytest.mark.parametrize(
    ("url", "base", "tokens"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v1", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/api/v1", "http://127.0.0.1:8000"),
        ("http://localhost:1/x/v2/", "http://localhost:1/x/v2", "http://localhost:1"),
        ("http://[::1]:8000", "http://[::1]:8000/api/v1", "http://[::1]:8000"),
        ("https://runtime.example", "https://runtime.example/api/v1", "https://runtime.example"),
        (
            "https://runtime.example:8443/q",
            "https://runtime.example:8443/q",
            "https://runtime.example:8443",
        ),
    ],
)
@pytest.mark.parametrize("instance", [None, US, EU])
def test_elsewhere_a_url_is_used_as_it_stands(
    url: str, base: str, tokens: str, instance: str | None
) -> None:
    given = account(url, instance)
    assert endpoint_of(given).base_url == base
    assert token_url_of(given) == f"{tokens}/identity/token"


@pytest.mark.parametrize(
    "url",
    [
        "https://cloud.ibm.com.evil.org",
        "https://notcloud.ibm.com",
        "https://evil-cloud.ibm.com",
        "https://cloud.ibm.co",
        "https://evil.org/cloud.ibm.com",
        "https://evil.org?x=.cloud.ibm.com",
        "https://evil.org#.cloud.ibm.com",
        "https://evil.org:443/.cloud.ibm.com",
    ],
)
def test_hosts_that_look_alike_are_not_ibms(url: str) -> None:
    """A key for such a host goes to it alone: the user has named it."""
    given = account(url, US)
    assert urlsplit(token_url_of(given)).hostname == urlsplit(url).hostname
    assert urlsplit(endpoint_of(given).base_url).hostname == urlsplit(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://cloud.ibm.com",
        "http://runtime.example",
        "http://10.0.0.1:8000",
        "http://127.example.org",
        "http://localhost.example.org",
        "https://cloud.ibm.com@evil.org",
        "https://me:hunter2@runtime.example",
        "https://evil.org\\@cloud.ibm.com/api",
        "ftp://runtime.example",
        "runtime.example",
        "https://",
        "https://[::1",
        "https://runtime.example:notaport",
        "https://runtime.example:99999",
        "",
        "  ",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        endpoint_of(account(url, US))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidValueError):
        token_url_of(account("https://runtime.example", iam_url=url or " "))


@pytest.mark.parametrize("region", ["evil.org/", "evil.org#", "a@b", "", "US EAST", "eu-de."])
def test_a_region_does_not_become_another_host(region: str) -> None:
    crn = f"crn:v1:bluemix:public:quantum-computing:{region}:a/acct:inst::"
    if region:
        with pytest.raises(InvalidValueError):
            endpoint_of(account("https://cloud.ibm.com", crn))
    else:
        assert endpoint_of(account("https://cloud.ibm.com", crn)).base_url == (
            "https://quantum.cloud.ibm.com/api/v1"
        )


@pytest.mark.parametrize("instance", ["crn:\nX-Evil: 1", "имя", "a\x00b"])
def test_an_instance_that_no_header_carries_is_refused(instance: str) -> None:
    with pytest.raises(InvalidValueError, match="CRN"):
        endpoint_of(account("https://cloud.ibm.com", instance))


@pytest.mark.parametrize(
    ("iam_url", "tokens"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9/identity/token"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/identity/token"),
        ("https://iam.example/identity/token", "https://iam.example/identity/token"),
    ],
)
def test_where_the_environment_says_tokens_come_from(iam_url: str, tokens: str) -> None:
    assert token_url_of(account("https://cloud.ibm.com", US, iam_url=iam_url)) == tokens


@pytest.mark.parametrize(
    ("crn", "account_id"),
    [(US, "acct"), (EU, "acct"), ("a name", None), (None, None), ("crn:v1:short", None)],
)
def test_the_account_of_a_crn(crn: str | None, account_id: str | None) -> None:
    assert account_id_of(crn) == account_id


def test_what_an_account_says_of_proxies_and_certificates_goes_along() -> None:
    proxies = {"https": "http://me:hunter2@proxy"}
    endpoint = endpoint_of(account("https://cloud.ibm.com", US, proxies=proxies, verify=False))
    assert (endpoint.proxies, endpoint.verify) == (proxies, False)
    assert "hunter2" not in repr(endpoint)
    plain = endpoint_of(account("https://cloud.ibm.com", US))
    assert (plain.proxies, plain.verify) == (None, True)


def test_a_proxy_that_wants_ntlm_is_told_of() -> None:
    with pytest.raises(InvalidValueError, match="NTLM") as caught:
        endpoint_of(account("https://cloud.ibm.com", US, needs_ntlm=True))
    assert "--overwrite --proxy http://127.0.0.1:PORT" in caught.value.advice
    # What stays on this machine goes through no proxy.
    here = account("http://127.0.0.1:8000", US, needs_ntlm=True)
    assert endpoint_of(here).base_url == "http://127.0.0.1:8000/api/v1"
