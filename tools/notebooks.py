"""Runs the notebooks of examples/, and keeps their results in them.

    python tools/notebooks.py [NAME ...]

What differs from run to run without meaning anything, such as times, is left out, so that a
difference in a notebook is one in its text, its code or its results.
"""

import base64
import io
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def executed(path: Path, folder: Path, *, epochs: int | None = None) -> nbformat.NotebookNode:
    """A notebook with its results, run in ``folder``; with so many ``epochs``, if that is said."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if epochs is not None and cell.cell_type == "code":
            cell.source = re.sub(r"^epochs = \d+$", f"epochs = {epochs}", cell.source, flags=re.M)
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without times and versions; texts in one piece, pictures small."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.clear()
        outputs = cell.get("outputs", [])
        texts = [output for output in outputs if output.output_type == "stream"]
        for later in texts[1:]:
            texts[0].text += later.text
            outputs.remove(later)
        for output in outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _smaller(output.data["image/png"])
    return notebook


def _smaller(png: str) -> str:
    """A picture in 64 colours, in base64 as it came: a third of the bytes."""
    out = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    image.quantize(64).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")


def main(names: list[str]) -> None:
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            notebook = tidy(executed(path, Path(folder)))
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
