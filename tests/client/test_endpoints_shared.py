"""For IBM's hosts, the API and the tokens are where IBM's own client looks for them."""

import itertools

import pytest
from qiskit_ibm_runtime.api.auth import CloudAuth
from qiskit_ibm_runtime.api.utils import default_runtime_url_resolver

from qrsession.accounts.account import Account
from qrsession.client.endpoints import endpoint_of, token_url_of

URLS = (
    "https://cloud.ibm.com",
    "https://cloud.ibm.com/",
    "https://cloud.ibm.com:443",
    "https://cloud.ibm.com/some/path",
    "https://CLOUD.ibm.com",
    "https://test.cloud.ibm.com",
    "https://experimental.cloud.ibm.com/api/v7",
)
CRNS = tuple(
    f"crn:v1:{name}:public:quantum-computing:{region}:a/acct:inst::"
    for name, region in itertools.product(("bluemix", "staging"), ("us-east", "eu-de", "jp-tok"))
)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("crn", CRNS)
@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("region", [None, "us-east", "eu-de"])
def test_hosts_are_those_of_ibms_client(
    url: str, crn: str, private: bool, region: str | None
) -> None:
    """Whatever region the account names: the CRN's counts."""
    account = Account(
        "work",
        "key",
        url=url,
        instance=crn,
        private_endpoint=private,
        region=region,
    )
    assert endpoint_of(account).base_url == default_runtime_url_resolver(url, crn, private)
    theirs = CloudAuth("key", crn, private)
    assert token_url_of(account) == f"{theirs.tm.url}/identity/token"
