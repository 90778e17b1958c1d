"""What the studies of an executed notebook printed."""

import json
import re

_TITLE = re.compile(r"^(?:#+ |\*\*)(.+?)(?:\*\*|$)", re.MULTILINE)


def printed(notebook: str) -> str:
    """Gather what the cells with the tag ``study`` have printed.

    Parameters
    ----------
    notebook : str
        The executed notebook, as JSON.

    Returns
    -------
    str
        One block per cell: the last heading or bold phrase above it, then its output. Empty if
        there are no such cells.
    """
    title, blocks = "", []
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "markdown":
            titles = _TITLE.findall("".join(cell["source"]))
            title = titles[-1].rstrip(".") if titles else title
        elif "study" in cell["metadata"].get("tags", []):
            streams = (output for output in cell["outputs"] if output.get("name") == "stdout")
            text = "".join("".join(stream["text"]) for stream in streams)
            blocks.append(f"{title}\n\n{text}")
    return "\n".join(blocks)
