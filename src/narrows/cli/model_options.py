"""What commands take that put DATA through MODEL: both, and how they are to be read."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.cli.data_options import OF_CSV, OF_IMAGES, reading
from narrows.cli.gathering import Command, Given, Group, gathers
from narrows.cli.many_files import FILES
from narrows.cli.options import DataArgument, Force, ModelArgument, Refine
from narrows.cli.terminal import PERSON
from narrows.tasks.outputs import check_outputs

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.data.read_options import ReadOptions
    from narrows.model.use import TrainedAutoencoder


@dataclass(frozen=True, kw_only=True)
class ModelAndData:
    """What was given of a model and of data for it."""

    model: Path
    data: str
    refine: int | None
    force: bool
    reading: "ReadOptions"

    def open(self) -> "TrainedAutoencoder":
        """The model, with as many steps of refinement as asked for."""
        from narrows.tasks.opening import open_autoencoder

        return open_autoencoder(self.model, self.refine, track=PERSON.track)

    def load(self, autoencoder: "TrainedAutoencoder", **how: bool) -> "Dataset":
        """The data as the model takes them; see :func:`narrows.tasks.opening.load_for`."""
        from narrows.tasks.opening import load_for

        return load_for(
            autoencoder,
            self.data,
            reading=self.reading,
            check_range=not self.force,
            **how,
            listener=PERSON,
        )

    def for_each(self) -> dict[str, Any]:
        """What a job that is done to each of many files takes of it."""
        return {
            "model": self.model,
            "refine": self.refine,
            "check_range": not self.force,
            "reading": self.reading,
        }

    def check_outputs(self, outputs: dict[str, Any], json: bool) -> None:
        """See :func:`narrows.tasks.outputs.check_outputs`."""
        check_outputs({"DATA": self.data}, outputs, models={"MODEL": self.model}, json=json)


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "model": (ModelArgument, Parameter.empty),
    "data": (DataArgument, Parameter.empty),
    "refine": (Refine, None),
    **OF_IMAGES,
    "force": (Force, False),
    **OF_CSV,
}


def _made(given: Given) -> ModelAndData:
    said = {each: given.pop(each) for each in (*OF_IMAGES, *OF_CSV)}
    return ModelAndData(**given, reading=reading(said))


def takes_model(**changed: tuple[Any, Any]) -> Callable[[Command], Command]:
    """Gives a command these, which come to its parameter ``given``, and to ``files`` those of many
    files at once; ``changed`` are of another type, or have another default."""
    return gathers({"given": Group(_OPTIONS | changed, _made), **FILES})


uses_model = takes_model()
