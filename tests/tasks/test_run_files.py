"""Where a run leaves its files, unless it is told."""

from pathlib import Path

import pytest

from narrows.support.progress import unheard
from narrows.tasks.run_files import RunFiles


@pytest.mark.parametrize(
    ("held", "model", "folder"),
    [
        (None, "photos.safetensors", "photos"),
        ([], "photos.safetensors", "photos"),
        (["history.jsonl", "mine.txt"], "photos.safetensors", "photos"),
        ([".narrows-lock"], "photos.safetensors", "photos"),
        (["1.png", "2.png"], "photos.safetensors", "photos-run"),  # the data, as in the docs
        (None, "photos", "photos-run"),
        ("a file", "photos.safetensors", "photos"),  # which is refused, and named, later
    ],
)
def test_the_run_folder_is_never_one_of_other_things(
    tmp_path: Path, held: list[str] | str | None, model: str, folder: str
) -> None:
    if isinstance(held, str):
        (tmp_path / "photos").write_text(held, encoding="utf-8")
    elif held is not None:
        (tmp_path / "photos").mkdir()
        for name in held:
            (tmp_path / "photos" / name).touch()
    assert RunFiles(tmp_path / model, note=unheard).folder == tmp_path / folder
