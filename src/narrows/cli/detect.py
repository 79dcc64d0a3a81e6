"""``narrows detect``: how odd each item is, how rarely a normal one is as odd, and why."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from narrows.cli.gathering import gathers, options_of
from narrows.cli.many_files import ManyFiles
from narrows.cli.model_options import ModelAndData, uses_model
from narrows.cli.options import Format, Json, path_option
from narrows.cli.terminal import progress, say, show
from narrows.errors import UsageError
from narrows.tasks.detect_options import DetectOptions
from narrows.tasks.outputs import still_there, to_standard_output


@uses_model
@gathers({"chosen": options_of(DetectOptions)})
def detect(
    *,
    out: Annotated[Path, path_option("SCORES", ".csv or .parquet; - is standard output.")],
    chosen: DetectOptions,
    heat_map: Annotated[
        Path | None,
        path_option("PICTURE.png", "Of images: draw where the oddest ones are odd."),
    ] = None,
    format: Format = None,
    json: Json = False,
    given: ModelAndData,
    files: ManyFiles,
) -> None:
    """Write how odd each row of DATA is, and what made it so.

    A row of SCORES has the row's number from 0, of a folder of images the file, of a table in many
    files the file and its number there, its score, its rank (1 is the oddest), its p-value (the
    share of the rows held out by fit that are as odd), whether it is flagged, and of the oddest
    rows the three columns that have the largest shares in the score.

    \b
    Example:
      narrows detect payments.safetensors payments.csv --out scores.csv
      narrows detect payments.safetensors payments.csv --out scores.csv --explain 500
      narrows detect digits.safetensors mnist:test --out scores.csv --heat-map odd.png
      narrows detect payments.safetensors 'day-*.csv' --workers 4 --out scores/
    """
    if files:
        from narrows.tasks.many_files.jobs import DetectFiles

        if heat_map is not None:
            raise UsageError(
                "--heat-map is one picture, and each of many files has results of its own",
                hint="leave it out, or judge one file without --workers",
            )
        job = DetectFiles(**given.for_each(), **asdict(chosen), format=format or "csv")
        files.run(job, given.data, out, json)
        return
    from narrows.tasks.detect import detect as judge
    from narrows.tasks.detect import draw_heat_map, require_outputs
    from narrows.tasks.detector import Detector

    out = Path(to_standard_output(out, format, "csv"))
    given.check_outputs({"--out": out, "--heat-map": heat_map}, json)
    detector = Detector(given.open())
    require_outputs(detector, out, heat_map)
    data = given.load(detector.autoencoder, finding=True)
    found = judge(detector, data, chosen, track=progress)
    found.write(out)
    if heat_map is not None:
        with still_there(out):
            draw_heat_map(detector, found, heat_map)
    for note in found.notes:
        say(note)
    paths = {"out": str(out), "heat_map": None if heat_map is None else str(heat_map)}
    show(found.text(), paths | found.values(), json, beside=out)
