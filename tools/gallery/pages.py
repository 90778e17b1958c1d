"""Make the start page, the glyph browser and one page per notebook from templates."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from pygments.formatters import HtmlFormatter

from notmnist import results
from notmnist.errors import NotMNISTError
from notmnist.version import __version__
from tools.readme import tables

TEMPLATES = Path(__file__).parent / "templates"
# Badges and other remote pictures, because pages must be complete without a network.
_REMOTE_PICTURE = re.compile(r"!\[([^]]*)]\(https?://[^)]*\)")
_NOTEBOOK = re.compile(r"]\((\w+)\.ipynb\)")
_DOCUMENT = re.compile(r"\[([^]]*)]\(\.\./docs/[^)]*\)")  # in the repository, but not on the site
_FIGURE = "Figure drawn by the code above"


@dataclass(frozen=True)
class Notebook:
    """Hold a rendered notebook.

    Attributes
    ----------
    name : str
        The file's name without ``.ipynb``.
    title : str
        The first heading.
    body : Markup
        The cells as HTML.
    """

    name: str
    title: str
    body: Markup

    @property
    def picture(self) -> str:
        """Name the picture of the notebook's full run."""
        return results.picture_name(self.name, results.DEFAULT_DATASET, "full")


def write(folder: Path, notebooks: Sequence[Path], misc: Path, entries: tables.Entries) -> None:
    """Write ``index.html``, ``glyphs.html``, ``notebooks/``, ``misc/`` and ``highlight.css``.

    Parameters
    ----------
    folder : Path
        An existing folder.
    notebooks : sequence of Path
        The notebooks to render.
    misc : Path
        The folder with the pictures of the full runs. A notebook of which no full run is recorded
        may lack one.
    entries : mapping of str to sequence of mapping
        The results by training set, as `notmnist.results.read_results` returns them.

    Raises
    ------
    NotMNISTError
        When the results name a notebook that has no picture.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    environment.globals["version"] = __version__

    def write_page(path: str, template: str, **content: Any) -> None:
        root = "../" * path.count("/")
        text = environment.get_template(template).render(root=root, **content)
        (folder / path).write_text(text, encoding="utf-8")

    rendered = [render(path) for path in notebooks]
    recorded = {entry["notebook"] for of_dataset in entries.values() for entry in of_dataset}
    pictures = {of.name: of.picture for of in rendered if (misc / of.picture).is_file()}
    for notebook in rendered:
        if notebook.name in recorded - pictures.keys():
            raise NotMNISTError(
                f"{misc / notebook.picture} does not exist: make it with `notmnist run "
                f"{notebook.name} --budget full`"
            )
    environment.globals["pictures"] = pictures
    protocols = {
        protocol.title: _to_html(tables.results_table(entries, protocol, "notebooks"))
        for protocol in tables.PROTOCOLS.values()
    }
    splits = _to_html(tables.split_table(entries))
    write_page("index.html", "start.html", notebooks=rendered, protocols=protocols, splits=splits)
    write_page("glyphs.html", "glyphs.html")
    for part in ("notebooks", "misc"):
        (folder / part).mkdir()
    for notebook in rendered:
        write_page(f"notebooks/{notebook.name}.html", "notebook.html", notebook=notebook)
    for picture in pictures.values():
        copyfile(misc / picture, folder / "misc" / picture)
    (folder / "highlight.css").write_text(_highlighting(), encoding="utf-8")


def render(path: Path) -> Notebook:
    """Render a notebook with its committed outputs.

    Parameters
    ----------
    path : Path
        A notebook whose first cell begins with its title as a heading.

    Returns
    -------
    Notebook
        The page's content. Remote pictures, such as badges, and links to documents of the
        repository are replaced by their text. Links to notebooks lead to the notebooks' pages.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata["alt"] = _FIGURE
        if cell.cell_type == "markdown":
            text = _REMOTE_PICTURE.sub(r"\1", cell.source)
            cell.source = _DOCUMENT.sub(r"\1", _NOTEBOOK.sub(r"](\1.html)", text))
    exporter = HTMLExporter(
        template_name="basic",
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    return Notebook(path.stem, title, Markup(body))


def _to_html(table: str) -> Markup:
    """Turn a Markdown table into HTML that links to the pages made from the notebooks."""
    return Markup(markdown2html(table.replace(".ipynb)", ".html)")))


def _highlighting() -> str:
    styles = {"light": "xcode", "dark": "github-dark"}
    return "\n".join(
        f"@media (prefers-color-scheme: {scheme}) {{\n"
        f"{HtmlFormatter(style=style).get_style_defs('.highlight')}\n}}"
        for scheme, style in styles.items()
    )
