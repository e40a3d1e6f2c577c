"""Methods, paths, headers and versions of the API.

Source: https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest, one page for each tag.
"""

from dataclasses import dataclass
from urllib.parse import quote

from qrsession.errors import InvalidTypeError, InvalidValueError

API_PREFIX = "/api/v1"
API_VERSION = "2026-04-15"
API_VERSIONS = {
    "2024-01-01": "deprecated",
    "2025-01-01": "deprecated",
    "2025-05-01": "deprecated",
    "2026-02-01": "deprecated",
    "2026-02-15": "deprecated",
    "2026-03-15": "deprecated",
    API_VERSION: "live",
}

# When versions are to be served no longer, as IBM announced it.
SUNSET_DATES = {
    "2024-01-01": "2027-01-01",
    "2025-01-01": "2027-01-01",
    "2025-05-01": "2027-01-01",
    "2026-02-01": "2027-02-01",
    "2026-02-15": "2027-02-15",
    "2026-03-15": "2027-03-15",
}

VERSION_HEADER = "IBM-API-Version"
CRN_HEADER = "Service-CRN"
CLIENT_HEADER = "X-Qx-Client-Application"
PREFER_HEADER = "Prefer"
PREFERENCE_APPLIED_HEADER = "Preference-Applied"

# RFC 7240: a server that honours it holds GET /jobs/{id} until the job's state changes, for so
# many seconds at most, and says so by `Preference-Applied: wait`.
LONGEST_HOLD_S = 10
PREFERENCE_APPLIED_WAIT = "wait"

TOKEN_PATH = "/identity/token"  # noqa: S105 - a path, not a secret
API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


@dataclass(frozen=True)
class Route:
    """One endpoint: its method and its path below the API's base, with ``{names}`` to fill in."""

    method: str
    template: str

    def path(self, **names: str) -> str:
        """Fill in the names, each percent-encoded as one path segment.

        Raises:
            InvalidTypeError: A name is no string.
            InvalidValueError: A name is empty or means a folder, and would lead to another path.
        """
        for key, value in names.items():
            if not isinstance(value, str):
                raise InvalidTypeError(f"{key} must be a string, not {type(value).__name__}.")
            if value.strip() in {"", ".", ".."}:
                raise InvalidValueError(f"{key} is {value!r}; that names nothing.")
        return self.template.format(**{key: quote(value, safe="") for key, value in names.items()})


VERSIONS = Route("GET", "/versions")

CREATE_SESSION = Route("POST", "/sessions")
GET_SESSION = Route("GET", "/sessions/{session_id}")
CLOSE_SESSION = Route("PATCH", "/sessions/{session_id}")
CANCEL_SESSION = Route("DELETE", "/sessions/{session_id}/close")

CREATE_JOB = Route("POST", "/jobs")
LIST_JOBS = Route("GET", "/jobs")
GET_JOB = Route("GET", "/jobs/{job_id}")
DELETE_JOB = Route("DELETE", "/jobs/{job_id}")
GET_JOB_RESULTS = Route("GET", "/jobs/{job_id}/results")
CANCEL_JOB = Route("POST", "/jobs/{job_id}/cancel")
GET_JOB_LOGS = Route("GET", "/jobs/{job_id}/logs")
GET_JOB_METRICS = Route("GET", "/jobs/{job_id}/metrics")
SET_JOB_TAGS = Route("PUT", "/jobs/{job_id}/tags")
SEARCH_TAGS = Route("GET", "/tags")

LIST_BACKENDS = Route("GET", "/backends")
GET_BACKEND_CONFIGURATION = Route("GET", "/backends/{backend}/configuration")
GET_BACKEND_PROPERTIES = Route("GET", "/backends/{backend}/properties")
GET_BACKEND_STATUS = Route("GET", "/backends/{backend}/status")

GET_INSTANCE = Route("GET", "/instance")
GET_USAGE = Route("GET", "/instances/usage")
GET_ACCOUNT = Route("GET", "/accounts/{account_id}")
LIST_WORKLOADS = Route("GET", "/workloads")

# Elsewhere than the Runtime API: below the bases of Global Search and of Global Catalog.
SEARCH_RESOURCES = Route("POST", "/v3/resources/search")
GET_CATALOG_ENTRY = Route("GET", "/{entry_id}")
