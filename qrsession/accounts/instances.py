"""Which of an account's instances is used. Pure: what there is comes from discovery.

The order is IBM's: see "Which instance" in docs/explanation.md, and ``QiskitRuntimeService`` of
qiskit-ibm-runtime 0.51 for its filters. Money decides where IBM's client only warns: what is not
free is picked by itself only where a person can see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qrsession.duration import format_duration
from qrsession.errors import InstanceNotFoundError, InvalidValueError, NotAuthorizedError
from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S
from qrsession.protocol.instances import PRICINGS, UNKNOWN, Instance

# What IBM calls an instance that nobody named.
AUTO = "auto"
_HOW_TO_NAME = "Name one: --instance CRN or name, or `instance` in the account."


@dataclass(frozen=True)
class Preferences:
    """What an account says of instances that it does not name.

    Attributes:
        tags: Tags that an instance must have, all of them.
        region: The region that it must be in.
        plans: Plans that it must be of one of, the most wanted first.
    """

    tags: tuple[str, ...] = ()
    region: str | None = None
    plans: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = {
            "tags": ", ".join(self.tags),
            "region": self.region,
            "plans": ", ".join(self.plans),
        }
        return "; ".join(f"{name} {value}" for name, value in parts.items() if value)


@dataclass(frozen=True)
class Place:
    """Where a service is.

    Attributes:
        crn: The instance that its requests name, None where they name none.
        instance: What discovery says of it, None where it was not asked or did not say.
        was_named: Whether somebody named it, so that its price is no surprise.
    """

    crn: str | None
    instance: Instance | None = None
    was_named: bool = True

    def __str__(self) -> str:
        if self.instance is None:
            return f"the instance {self.crn}, whose plan is not known" if self.crn else ""
        plan = "not known" if self.instance.plan == UNKNOWN else self.instance.plan
        return f"the instance {self.instance.name}, plan {plan}"

    @property
    def may_cost(self) -> bool:
        """Whether using it may cost money: what is not known may."""
        return not self.instance.is_free if self.instance else self.crn is not None


def named(instance: str | None) -> str | None:
    """Return the instance that was named, None for none and for ``auto``."""
    return None if not instance or instance == AUTO else instance


def in_order(instances: Sequence[Instance], preferences: Preferences) -> tuple[Instance, ...]:
    """Return the instances that may be used, the one to use first.

    Plans that are preferred come in their own order; without, what costs least comes first.

    Raises:
        InstanceNotFoundError: None fits.
    """
    wanted_tags = {tag.lower() for tag in preferences.tags}
    plans = [plan.lower() for plan in preferences.plans]
    fitting = [
        instance
        for instance in instances
        if wanted_tags <= set(instance.tags)
        and preferences.region in {None, instance.region}
        and (not plans or instance.plan in plans)
    ]
    if not fitting:
        raise InstanceNotFoundError(
            f"None of the key's {len(instances)} instances fits the account's preferences "
            f"({preferences})."
            if instances
            else "The key sees no instance with backends.",
            advice="Create one at https://quantum.cloud.ibm.com, or use a key of its account."
            if not instances
            else _listed(instances),
        )
    if plans:
        return tuple(sorted(fitting, key=lambda instance: plans.index(instance.plan)))
    return tuple(sorted(fitting, key=_price_rank))


def find_crn(instances: Sequence[Instance], crn: str) -> Instance | None:
    """Return the instance of a CRN, if it is there."""
    return next((instance for instance in instances if instance.crn == crn), None)


def find_name(instances: Sequence[Instance], name: str) -> Instance | None:
    """Return the instance of a name, if it is there.

    Raises:
        InvalidValueError: There are several.
    """
    matches = [instance for instance in instances if instance.name == name]
    if len(matches) > 1:
        crns = [instance.crn for instance in matches]
        raise InvalidValueError(
            f"{len(matches)} instances are called {name!r}: {', '.join(crns)}.",
            advice="Name the one that is meant by its CRN.",
            details={"instances": crns},
        )
    return matches[0] if matches else None


def not_found(instance: str, instances: Sequence[Instance]) -> InstanceNotFoundError:
    """Return the error for an instance that the key does not see."""
    return InstanceNotFoundError(
        f"The key sees no instance {instance!r}.",
        advice=_listed(instances),
        details={"instance": instance, "known": [known.crn for known in instances]},
    )


def check_unattended(instance: Instance, where: str | None) -> None:
    """Refuse to pick an instance that may cost money where nobody would see it.

    Args:
        instance: The instance that is about to be picked.
        where: In what kind of place this runs with nobody looking; None where somebody is.

    Raises:
        NotAuthorizedError: It is not free.
    """
    if where is None or instance.is_free:
        return
    plan = (
        f"The plan of the instance {instance.name!r} is not known"
        if instance.pricing == UNKNOWN
        else f"The instance {instance.name!r} is of the plan {instance.plan!r}, which is not free"
    )
    raise NotAuthorizedError(
        f"{plan}, and {where} none is picked that nobody named.",
        advice=_HOW_TO_NAME.replace("CRN or name", f"'{instance.crn}'"),
        details={"instance": instance.crn, "plan": instance.plan, "pricing": instance.pricing},
    )


def opening_text(place: Place, max_time_s: int | None) -> str:
    """Say what is about to be opened, where that may cost money."""
    if max_time_s is None:
        # What counts is what the service does when it is told nothing.
        limit = f"{format_duration(DEFAULT_MAX_TTL_S)}: the default, since no --max-time is given"
    else:
        limit = format_duration(max_time_s)
    return f"This opens a session on {place}, for at most {limit}."


def _price_rank(instance: Instance) -> int:
    known = instance.pricing in PRICINGS
    return PRICINGS.index(instance.pricing if known else UNKNOWN)


def names_of(instances: Sequence[Instance]) -> str:
    """Return instances as words of a sentence, each with its plan."""
    return ", ".join(f"{instance.name} ({instance.plan})" for instance in instances)


def _listed(instances: Sequence[Instance]) -> str:
    if not instances:
        return "It sees none; `qrsession account check` says more."
    return f"It sees {names_of(instances)}."
