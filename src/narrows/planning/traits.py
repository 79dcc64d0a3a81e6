"""Kinds of data and of models that several rules tell apart."""

from narrows.data import Dataset
from narrows.nn.blocks import Dense, Gaussian, Rounded
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.support.shapes import is_image_shape


def is_image(training: Dataset) -> bool:
    """Whether items have the shape of images, grey or with channels."""
    return training.table is None and is_image_shape(training.item_shape)


def denoises(training: Dataset, options: FitOptions) -> bool:
    """Whether what goes in is not what shall come out."""
    return options.noise is not None or training.inputs is not None


def sees_places(spec: Spec) -> bool:
    """Whether a model treats every place of an image alike, so that each is an example and a few
    images are many."""
    return not any(isinstance(block, Dense | Gaussian) for block in (*spec.encoder, *spec.decoder))


def is_rounded(spec: Spec) -> bool:
    """Whether codes are whole numbers, trained to be short."""
    return any(isinstance(block, Rounded) for block in spec.encoder)
