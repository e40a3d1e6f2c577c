"""What results are of, put beside them where it was kept and fits."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from qrsession.errors import QrsessionError
from qrsession.results.pubs import EstimatedPub, Pub

if TYPE_CHECKING:
    from qrsession.pubs.captions import Caption
    from qrsession.state.records import Records


def with_captions(pubs: Sequence[Pub], records: "Records", job_id: str) -> list[Pub]:
    """Return the pubs of a job with what they are of, as far as that is known.

    A result is worth more than its captions: what is damaged, or does not fit, is left out.
    """
    data = None
    with suppress(QrsessionError):
        data = records.read_captions(job_id)
    if data is None:
        return list(pubs)
    # Imported here, since most results are of a single point, of which nothing is kept.
    from qrsession.pubs.captions import read_captions  # noqa: PLC0415

    with suppress(QrsessionError):
        return with_known(pubs, read_captions(data))
    return list(pubs)


def with_known(pubs: Sequence[Pub], captions: "Sequence[Caption]") -> list[Pub]:
    """Return the pubs with what they are of; as they are, where it is known of others."""
    if len(captions) != len(pubs):
        return list(pubs)
    return [
        pub if pub.caption is not None else replace(pub, caption=_fitting(caption, pub))
        for pub, caption in zip(pubs, captions, strict=True)
    ]


def with_names(pubs: Sequence[Pub], files: Sequence[str]) -> list[Pub]:
    """Return the pubs with the names of their circuits' files, where there is one for each."""
    if len(files) != len(pubs):
        return list(pubs)
    from qrsession.pubs.captions import Caption  # noqa: PLC0415 - as above

    return [
        pub if pub.caption is not None else replace(pub, caption=Caption(name))
        for pub, name in zip(pubs, files, strict=True)
    ]


def _fitting(caption: "Caption", pub: Pub) -> "Caption":
    """Return a caption without what cannot be of this pub."""
    from qrsession.pubs.captions import Caption  # noqa: PLC0415 - as above

    shape, observables = pub.shape, caption.observables
    has_axis = caption.has_observable_axis
    if not isinstance(pub, EstimatedPub):
        observables, has_axis = (), False
    elif has_axis and shape[:1] == (len(observables),):
        shape = shape[1:]
    elif has_axis or len(observables) > 1:
        observables, has_axis = (), False
    fitting = Caption(caption.file, observables=observables, has_observable_axis=has_axis)
    if caption.values and caption.values.shape != shape:
        return fitting
    return replace(fitting, values=caption.values)
