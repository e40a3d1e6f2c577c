"""Service instances, as Global Search and Global Catalog of IBM's cloud describe them.

Source: IBM Cloud API docs, "Global Search" (``POST /v3/resources/search``) and "Global Catalog"
(``GET /{id}``), and what qiskit-ibm-runtime 0.51 asks of both. Fields that a person may have left
empty are read leniently: a strange tag of one instance must not hide the others.
"""

from dataclasses import dataclass
from typing import Any

from qrsession.protocol.fields import as_object, objects, optional, required

SERVICE_QUERY = "service_name:quantum-computing"
SEARCHED_FIELDS = ("crn", "service_plan_unique_id", "name", "doc", "tags")
LARGEST_SEARCH_PAGE = 100

UNKNOWN = "unknown"
# How what an instance costs is ordered, the least first. `unknown` is not IBM's word, but what is
# left where the catalog says nothing.
PRICINGS = ("free", "trial", "paygo", "paid", "subscription", UNKNOWN)
_FREE = frozenset({"free", "trial"})
_CRN_PREFIX = "crn:"
_CRN_REGION = 5
_CRN_SCOPE = 6


def account_of_crn(crn: str | None) -> str:
    """Return the IBM account that an instance belongs to, as its CRN has it; empty if unknown."""
    parts = (crn or "").split(":")
    return parts[_CRN_SCOPE] if len(parts) > _CRN_SCOPE else ""


def is_crn(instance: str) -> bool:
    """Whether an instance is given by its CRN and not by its name."""
    return instance.startswith(_CRN_PREFIX)


@dataclass(frozen=True)
class Instance:
    """A service instance.

    Attributes:
        crn: Its id.
        name: What its owner called it.
        plan: The plan in lower case, such as ``open`` or ``premium``; ``unknown``.
        pricing: One of `PRICINGS`, or a word that is newer than this list.
        tags: Its owner's tags, in lower case.
    """

    crn: str
    name: str
    plan: str = UNKNOWN
    pricing: str = UNKNOWN
    tags: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether using it surely costs nothing."""
        return self.pricing in _FREE

    @property
    def region(self) -> str:
        """Where it is: ``us-east``, ``eu-de``; empty where the CRN does not say."""
        segments = self.crn.split(":")
        return segments[_CRN_REGION] if len(segments) > _CRN_REGION else ""

    @classmethod
    def from_record(cls, body: Any) -> "Instance":
        """Read what `to_record` wrote."""
        record = as_object(body, "The instance")
        return cls(
            crn=required(record, "crn", str),
            name=required(record, "name", str),
            plan=required(record, "plan", str),
            pricing=required(record, "pricing", str),
            tags=_texts(record.get("tags")),
        )

    def to_record(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {
            "crn": self.crn,
            "name": self.name,
            "plan": self.plan,
            "pricing": self.pricing,
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class SearchItem:
    """An instance as the search finds it: what its plan is called, only the catalog knows."""

    crn: str
    name: str
    plan_id: str
    tags: tuple[str, ...]
    has_backends: bool

    @classmethod
    def from_wire(cls, body: Any) -> "SearchItem":
        """Read an item. One without ``doc.extensions`` has no backends allotted to it."""
        record = as_object(body, "The resource")
        doc = record.get("doc")
        return cls(
            crn=required(record, "crn", str),
            name=optional(record, "name", str) or "",
            plan_id=optional(record, "service_plan_unique_id", str) or "",
            tags=tuple(tag.lower() for tag in _texts(record.get("tags"))),
            has_backends=isinstance(doc, dict) and bool(doc.get("extensions")),
        )


@dataclass(frozen=True)
class SearchPage:
    """One page of a search; ``cursor`` leads to the next, None on the last."""

    items: tuple[SearchItem, ...]
    cursor: str | None

    @classmethod
    def from_wire(cls, body: Any) -> "SearchPage":
        """Read the reply."""
        record = as_object(body, "The result of the search")
        required(record, "items", list)
        items = tuple(SearchItem.from_wire(item) for item in objects(record, "items"))
        return cls(items, optional(record, "search_cursor", str) or None)


@dataclass(frozen=True)
class CatalogPlan:
    """A plan's name and pricing, in lower case."""

    name: str = UNKNOWN
    pricing: str = UNKNOWN

    @classmethod
    def from_wire(cls, body: Any) -> "CatalogPlan":
        """Read the entry of a plan; what it does not say is unknown."""
        name = _at(body, "overview_ui", "en", "display_name")
        pricing = _at(body, "metadata", "pricing", "type")
        return cls((name or UNKNOWN).lower(), (pricing or UNKNOWN).lower())

    def to_wire(self) -> dict[str, Any]:
        """Write the entry, as far as clients read it."""
        return {
            "overview_ui": {"en": {"display_name": self.name}},
            "metadata": {"pricing": {"type": self.pricing}},
        }


def _at(body: Any, *names: str) -> str | None:
    for name in names:
        if not isinstance(body, dict):
            return None
        body = body.get(name)
    return body if isinstance(body, str) else None


def _texts(values: Any) -> tuple[str, ...]:
    found = values if isinstance(values, list) else []
    return tuple(value for value in found if isinstance(value, str))
