"""``narrows denoise``: damaged items in, and out what a model takes them to be without it."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from narrows.cli.data_options import reads_data
from narrows.cli.gathering import Given, gathers, options_of
from narrows.cli.many_files import ManyFiles
from narrows.cli.options import DataArgument, Force, Format, ItemsOut, Json, ModelArgument
from narrows.cli.terminal import PERSON, show, show_written
from narrows.tasks.denoise_options import DenoiseOptions
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions


@reads_data
@gathers({"chosen": options_of(DenoiseOptions, dict)})
def denoise(
    *,
    model: ModelArgument,
    data: DataArgument,
    out: ItemsOut,
    chosen: Given,
    force: Force = False,
    format: Format = None,
    json: Json = False,
    reading: "ReadOptions",
    files: ManyFiles,
) -> None:
    """Take the noise out of DATA with a model that fit --noise or --target trained.

    Images may be larger than those that the model learnt from: they are cut into tiles that
    overlap and are blended. A folder of images becomes one with the same names, whatever their
    sizes. Of a table, missing cells are filled in.

    \b
    Example:
      narrows fit mnist --noise gaussian:0.5 --out denoiser.safetensors
      narrows denoise denoiser.safetensors noisy.npy --out clean.npy
      narrows denoise pages.safetensors scans/ --out cleaned/
      narrows denoise denoiser.safetensors 'part-*.npy' --workers 4 --out cleaned/
    """
    from narrows.report.denoising import denoising_text
    from narrows.tasks.denoise_files import denoise_files
    from narrows.tasks.opening import open_autoencoder

    options = DenoiseOptions(**chosen, check_range=not force, reading=reading)
    if files:
        from narrows.tasks.many_files.jobs import DenoiseFiles

        files.run(DenoiseFiles.of(model, options, format), data, out, json)
        return
    options.check()
    autoencoder = open_autoencoder(model, track=PERSON.track)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"DATA": data, "--against": options.against}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    found = denoise_files(autoencoder, data, out, options, listener=PERSON)
    if found.measured is None:
        show_written(found.written, json)
        return
    values = {"out": out, **asdict(found.measured)}
    show(denoising_text(found.measured), values, json, beside=out)
