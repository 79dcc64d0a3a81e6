"""Archives that hold nothing but the codes of a trained model, and its decoder.

The model's encoder is left behind: it gives codes to start from, and a search on the decoder makes
them shorter and better. What is measured and written is what the decoder in whole numbers gives.
"""

import math
from dataclasses import replace
from typing import IO

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.integer_net import ACTIVATIONS, FloatLayer, in_floats, quantised
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.predictor import quantised_predictor
from narrows.archive.codes.shared import (
    SharedModel,
    model_of_codes,
    shared_decoder,
    shared_encoder,
    shared_predicted,
)
from narrows.archive.codes.writing import Decoding, write_codes
from narrows.archive.methods import Effort
from narrows.archive.size_breakdown import SizeBreakdown
from narrows.archive.validation import damaged
from narrows.data import Dataset
from narrows.engine import CodeSearch
from narrows.errors import DataError, ModelFileError, ShapeError, UsageError
from narrows.model.file import load_model, save_model
from narrows.model.ranges import require_familiar
from narrows.model.trained import TrainedModel
from narrows.nn.blocks import Dense, Flatten, Reshape, Rounded
from narrows.nn.model import Model
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.support.chunks import release
from narrows.support.progress import NOBODY, Listener, Tracker
from narrows.support.temporary import temporary_folder
from narrows.tasks.fit_plan import fit_plan

# How long training takes, of what it takes for a model that is kept.
_EPOCHS: dict[Effort, float] = {"fast": 0.25, "normal": 1, "best": 2}
# How often each code is decoded and changed.
_ROUNDS: dict[Effort, int] = {"fast": 1, "normal": 3, "best": 6}
# Items that a price is tried on, and how near their codes' bytes must come to what is wanted.
_SAMPLE, _NEAR = 512, 5e-3
# How far a price may be from the one that the model was trained at, and how often one is tried.
_FURTHEST, _TRIALS = 1e6, 8
# By how much of its logarithm a code gets longer with that of the price, before it is known; and a
# length that has a logarithm.
_SLOPE, _LEAST_NATS = -0.08, 1e-3
# What the coder, the index and the lowest and highest of each block take more than the codes.
_OVERHEAD = 1.008
# Bits of the largest weight that are tried, and by how much they may make the squared error larger.
_WEIGHT_BITS, _LOSS = (6, 7, 8, 9, 10, 11, 12, 13, 14), 1.005
# Numbers of codes are cut to this: a predictor takes up to 2,048 different ones.
_LARGEST_CODE = 1000
# Of an encoder's weights a model file keeps the sign, the exponent and 11 bits: codes are guesses.
_KEPT_BITS = np.uint32(0xFFFFF000)
# Items searched for between two looks at the progress.
_AT_ONCE = 1024


def require_codes_only(model: Model) -> None:
    """Make sure that the codes and the decoder of a model can be all that an archive holds.

    Raises:
        UsageError: its codes are not whole numbers, or its decoder is more than dense layers.
    """
    spec = model.spec
    if not isinstance(spec.encoder[-1], Rounded):
        raise UsageError(
            "the codes of this model are not whole numbers",
            hint="train one with --preset rounded, or end its encoder with a rounded block",
        )
    for block in spec.decoder:
        if not isinstance(block, Dense | Flatten | Reshape):
            raise UsageError(
                f"the decoder of this model has a {block.name} block, and only dense ones can be "
                "turned into whole numbers",
                hint="train one with --preset rounded",
            )
        if isinstance(block, Dense) and block.activation not in ACTIVATIONS:
            raise UsageError(
                f"the decoder of this model has the activation {block.activation}, which is not "
                "there in whole numbers",
                hint=f"train one with {', '.join(ACTIVATIONS)}",
            )


def train_rounded(
    training: Dataset,
    latent: int | None,
    item_bytes: float | None,
    effort: Effort,
    *,
    most_epochs: int | None = None,
    listener: Listener = NOBODY,
) -> TrainedModel:
    """Train a model of the preset ``rounded`` on ``training``, which it shall then be used on.

    Args:
        training: all of it; nothing is held out, for nothing else will be coded.
        latent: numbers of a code, or None for what suits ``item_bytes``.
        item_bytes: what a code shall take, or None for what suits ``latent``.
        effort: how long.
        most_epochs: passes over them, at most; None for as many as suit ``effort``.
        listener: told each choice that was made.

    Raises:
        UsageError: an option that cannot be.
    """
    options = FitOptions(preset="rounded", latent=latent, item_bytes=item_bytes)
    plan = make_plan(training, options)
    epochs = max(round(plan.settings.epochs * _EPOCHS[effort]), 1)
    epochs = min(epochs, most_epochs or epochs)
    if epochs != plan.settings.epochs:
        plan = make_plan(training, replace(options, epochs=epochs))
        listener.note(f"{epochs} epochs")
    listener.note_each(plan.reasons)
    return fit_plan(training, None, plan, density=False, listener=listener).trained


def learn_codes(
    data: Dataset,
    trained: TrainedModel,
    *,
    item_bytes: float | None = None,
    effort: Effort = "normal",
    check_range: bool = True,
) -> SharedModel:
    """Make a model file of a trained model, for archives of codes of such items.

    It has the decoder in whole numbers, how likely each number of a code is, and the encoder, which
    opening archives takes nothing of.

    Args:
        data: some hundreds of its items decide how coarse the decoder's weights may be.
        trained: as for :func:`write_codes_only`, and so are all others.

    Raises:
        UsageError, ShapeError, DataError: as there.
    """
    _require_fit(data, trained, check_range)
    search = CodeSearch(trained.model, _ROUNDS[effort])
    sample = _sample(data)
    price = _price(search, sample, item_bytes)
    decoder = _decoder(trained, _searched(search, sample, price), sample)
    predictor = quantised_predictor(search.arrays)
    encoder = _packed_encoder(trained, price)
    return model_of_codes(decoder, predictor, encoder, Layout.of(data.items))


def write_codes_only(
    out: IO[bytes],
    data: Dataset,
    trained: TrainedModel | SharedModel,
    *,
    item_bytes: float | None = None,
    effort: Effort = "normal",
    embed_model: bool = False,
    check_range: bool = True,
    listener: Listener = NOBODY,
) -> SizeBreakdown:
    """Write an archive of the codes of items, and of the model's decoder.

    Args:
        out: takes bytes, from where it stands.
        data: items (n, \\*item_shape), of the dtype that the model was trained on.
        trained: a model whose encoder ends in a ``rounded`` block and whose decoder is dense; or
            what :func:`learn_codes` made of one, which the archive then names and does not hold.
        item_bytes: what codes may take on average; None for what they take at the price that the
            model was trained at. It is reached as far as that price can be changed.
        effort: how long codes are searched for, and how much is tried.
        embed_model: keep what decoding needs in the archive, also of such a file.
        check_range: refuse items in another range than those that the model was trained on, see
            :func:`narrows.model.ranges.require_familiar`.
        listener: told how far it is, and of items that are odd.

    Raises:
        UsageError: the model is another one, or the range is.
        ShapeError: the items are others than it was trained on.
        DataError: they hold NaN or infinity.
        ArchiveError: the model file is damaged.
    """
    shared = trained if isinstance(trained, SharedModel) else None
    trained = trained if isinstance(trained, TrainedModel) else _trained(trained)
    listener.note_each(_require_fit(data, trained, check_range))
    search = CodeSearch(trained.model, _ROUNDS[effort])
    sample = _sample(data)
    price = _price(search, sample, item_bytes)
    items = data.items
    codes = np.empty((len(items), trained.model.spec.latent_size), np.int16)
    _search_all(codes, search, data, price, listener.track)
    if shared is None:
        some = codes[:: max(len(items) // _SAMPLE, 1)][: len(sample)]
        decoding = Decoding(
            decoder=_decoder(trained, some, sample),
            methods=[Predicted.of(quantised_predictor(search.arrays))],
        )
    else:
        decoding = Decoding(
            decoder=shared_decoder(shared, Layout.of(items)),
            methods=[shared_predicted(shared, embed_model)],
            shared=shared,
            embedded=embed_model,
        )
    track = listener.track
    return write_codes(out, codes, items, decoding, effort=effort, name=data.name, track=track)


def _require_fit(data: Dataset, trained: TrainedModel, check_range: bool) -> list[str]:
    model, items, name = trained.model, data.items, data.name
    require_codes_only(model)
    if items.shape[1:] != model.spec.item_shape or items.dtype.name != trained.data.dtype:
        raise ShapeError(
            f"{name} has {items.dtype.name} items of shape {items.shape[1:]}, and the model is for "
            f"{trained.data.dtype} items of shape {model.spec.item_shape}",
            hint="give the model data like those that it was trained on",
        )
    if check_range and len(items):
        for start in range(0, len(items), _AT_ONCE):
            _require_finite(items[start : start + _AT_ONCE], name)
        return require_familiar(trained, items, name)
    return []


def _sample(data: Dataset) -> np.ndarray:
    """Some items, evenly spread."""
    sample = np.ascontiguousarray(data.items[:: max(len(data) // _SAMPLE, 1)][:_SAMPLE])
    _require_finite(sample, data.name)
    return sample


def _price(search: CodeSearch, sample: np.ndarray, item_bytes: float | None) -> float:
    """What a nat is worth: as in training, or so that codes take ``item_bytes``."""
    if item_bytes is None or not len(sample):
        return search.price
    return _price_for(search, sample, item_bytes)


def _searched(search: CodeSearch, items: np.ndarray, price: float) -> np.ndarray:
    """The codes of items: int16 (n, numbers)."""
    guesses = np.clip(search.guesses(items), -_LARGEST_CODE, _LARGEST_CODE)
    found = np.nan_to_num(search(items, guesses, price))
    return np.clip(found, -_LARGEST_CODE, _LARGEST_CODE).astype(np.int16)


def _search_all(
    codes: np.ndarray, search: CodeSearch, data: Dataset, price: float, track: Tracker
) -> None:
    """Put the codes of items, of any number, into ``codes``: int16 (n, numbers)."""
    with track(f"searching codes of {data.name}", total=len(data), unit="items") as advance:
        for start in range(0, len(data), _AT_ONCE):
            some = np.ascontiguousarray(data.items[start : start + _AT_ONCE])
            _require_finite(some, data.name)
            codes[start : start + len(some)] = _searched(search, some, price)
            release(data.items)
            advance(len(some))


def _packed_encoder(trained: TrainedModel, price: float) -> bytes:
    """A model as the bytes of its file, of which only encoding has need: without its decoder, whose
    weights are 0 there, and with ``price`` as its own."""
    model, arrays = trained.model, dict(trained.model.arrays)
    for name, array in arrays.items():
        arrays[name] = (array.astype(np.float32).view(np.uint32) & _KEPT_BITS).view(np.float32)
    for prefix, block, given in model.spec.placed("decoder"):
        for name, shape in block.array_shapes(given).items():
            arrays[f"{prefix}.{name}"] = np.zeros(shape, np.float32)
    prefix = list(model.spec.placed("encoder"))[-1][0]
    arrays[f"{prefix}.price"] = np.array(price, np.float32)
    with temporary_folder() as folder:
        path = folder / "encoder"
        save_model(path, TrainedModel(model=replace(model, arrays=arrays), data=trained.data))
        return path.read_bytes()


def _trained(shared: SharedModel) -> TrainedModel:
    """The model that a model file was made of, its decoder as coarse as the file has it."""
    predicted = shared_predicted(shared)
    predicted.predictor  # noqa: B018 - a damaged one would look like a useless one
    content = shared_encoder(shared)
    with temporary_folder() as folder:
        path = folder / "encoder"
        path.write_bytes(content)
        try:
            trained = load_model(path)
        except ModelFileError as error:
            raise damaged(shared.name, "its part 'encoder' holds no model") from error
    model = trained.model
    require_codes_only(model)
    if model.spec.latent_size != predicted.size:
        raise damaged(shared.name, "its encoder gives codes that its decoder does not take")
    layout = Layout.of(np.empty((0, *trained.item_shape), trained.data.dtype))
    layers = in_floats(shared_decoder(shared, layout).net)
    dense = [
        prefix for prefix, block, _ in model.spec.placed("decoder") if isinstance(block, Dense)
    ]
    arrays = dict(model.arrays)
    for prefix, layer in zip(dense, layers, strict=False):
        arrays[f"{prefix}.weight"] = layer.weight.astype(np.float32)
        arrays[f"{prefix}.bias"] = layer.bias.astype(np.float32)
    if len(dense) != len(layers) or any(
        arrays[name].shape != array.shape for name, array in model.arrays.items()
    ):
        raise damaged(shared.name, "its encoder was trained with another decoder")
    return replace(trained, model=replace(model, arrays=arrays))


def require_readable(model: SharedModel) -> None:
    """Make sure that codes of other items can be found with what a model file of codes holds.

    Raises:
        ArchiveError: they cannot.
    """
    _trained(model)


def _require_finite(items: np.ndarray, name: str) -> None:
    if not np.isfinite(items).all():
        raise DataError(
            f"{name} holds NaN or infinity, and a model knows neither",
            hint="leave these items out, or compress without --codes-only",
        )


def _price_for(search: CodeSearch, sample: np.ndarray, item_bytes: float) -> float:
    """The price at which the codes of ``sample`` take ``item_bytes`` on average."""
    guesses = search.guesses(sample)
    wanted = math.log(item_bytes * 8 * math.log(2) / _OVERHEAD)
    start = price = math.log(search.price)
    low, high = start - math.log(_FURTHEST), start + math.log(_FURTHEST)
    slope, before = _SLOPE, None
    for _ in range(_TRIALS):
        nats = search.nats(search(sample, guesses, math.exp(price)))
        excess = math.log(max(nats, _LEAST_NATS)) - wanted
        if abs(excess) < _NEAR:
            break
        # the dearer, the shorter
        low, high = (price, high) if excess > 0 else (low, price)
        if before is not None and before[0] != price:
            found = (excess - before[1]) / (price - before[0])
            slope = min(max(found, -1.0), _SLOPE / 4)
        before = price, excess
        price = min(max(price - excess / slope, low), high)
    return math.exp(price)


def _decoder(trained: TrainedModel, codes: np.ndarray, items: np.ndarray) -> Decoder:
    """The model's decoder in whole numbers, with weights as coarse as the items allow."""
    layers = _dense_layers(trained.model)
    layout = Layout.of(items)

    def made(bits: int) -> Decoder:
        net = quantised(layers, codes, bits)
        scaling = trained.model.scaling
        unit = scaling.scale * 2.0**-net.result_bits
        return Decoder(net, unit, float(scaling.offset), _value_range(trained))

    def squared_error(decoder: Decoder) -> float:
        missed = decoder(codes, layout).astype(np.float64) - items
        return float(np.vdot(missed, missed))

    finest = made(15)
    most = _LOSS * squared_error(finest)
    for bits in _WEIGHT_BITS:
        decoder = made(bits)
        if squared_error(decoder) <= most:
            return decoder
    return finest


def _dense_layers(model: Model) -> list[FloatLayer]:
    return [
        FloatLayer(
            model.arrays[f"{prefix}.weight"].astype(np.float64),
            model.arrays[f"{prefix}.bias"].astype(np.float64),
            block.activation,
        )
        for prefix, block, _ in model.spec.placed("decoder")
        if isinstance(block, Dense)
    ]


def _value_range(trained: TrainedModel) -> tuple[float, float] | None:
    """The ends of what the source's format holds, unless they are those of the dtype."""
    limits, dtype = trained.data.value_range, np.dtype(trained.data.dtype)
    if limits is None or dtype.kind not in "iu":
        return None
    own = np.iinfo(dtype)
    return None if (own.min, own.max) == tuple(limits) else limits
