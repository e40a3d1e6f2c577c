"""The file of accounts is one with that of IBM's client."""

from pathlib import Path

from qiskit_ibm_runtime.accounts import AccountManager

from qrsession.accounts import read_accounts

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct:inst::"


def test_what_ibms_client_saves_is_read(tmp_path: Path) -> None:
    file = tmp_path / "qiskit-ibm.json"
    AccountManager.save(
        filename=str(file),
        token="k",  # noqa: S106 - opens nothing
        url="https://cloud.ibm.com",
        instance=CRN,
        channel="ibm_quantum_platform",
        name="work",
        set_as_default=True,
        region="us-east",
        plans_preference=["open"],
    )
    account = read_accounts(file)["work"]
    assert (account.token, account.instance, account.is_default) == ("k", CRN, True)
    assert (account.region, account.plans_preference) == ("us-east", ("open",))
