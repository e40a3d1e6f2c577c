"""What stands above the picture of a pub, where there are several."""

from typing import TYPE_CHECKING

from qrsession.render.terminal import Style, Terminal, clean

if TYPE_CHECKING:
    from qrsession.results.pubs import Pub


def pub_title(index: int, pub: "Pub", terminal: Terminal) -> str:
    """Return a pub's number, and the name of its circuit where that is known."""
    name = "" if pub.caption is None else clean(pub.caption.file)
    return terminal.paint(f"pub {index}  {name}".rstrip(), Style.STRONG)
