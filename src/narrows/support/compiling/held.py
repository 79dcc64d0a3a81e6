"""Named tuples of many fields, which compiled functions hand to one another by their address.

Numba hands a tuple over field by field, and an array as seven numbers: a tuple of forty arrays is
three hundred arguments of every function that takes it, and most of what such functions are made
of. This imports Numba.
"""

from typing import Any, TypeVar

from numba import typeof, types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, register_model, typeof_impl, unbox

Kind = TypeVar("Kind", bound=type)


class _Held(types.Type):
    """A named tuple in memory, which nobody changes while a kernel runs."""

    def __init__(self, fields: Any) -> None:
        self.fields = fields
        super().__init__(f"held {fields}")

    @property
    def mangling_args(self) -> tuple[str, tuple[()]]:
        """A short name for LLVM, which need not tell one signature from another."""
        return self.fields.instance_class.__name__, ()


def hold(kind: Kind) -> Kind:
    """Have compiled functions take the named tuple ``kind`` by its address.

    They may read its fields and no more, and count no references.
    """

    @typeof_impl.register(kind)
    def typeof_held(value: Any, context: Any) -> _Held:
        return _Held(types.BaseTuple.from_types([typeof(field) for field in value], kind))

    return kind


@register_model(_Held)
class _Address(PrimitiveModel):
    def __init__(self, models: Any, kind: _Held) -> None:
        super().__init__(models, kind, models.lookup(kind.fields).get_value_type().as_pointer())


@unbox(_Held)
def _unbox(kind: _Held, value: Any, c: Any) -> NativeValue:
    fields = c.unbox(kind.fields, value)
    place = cgutils.alloca_once_value(c.builder, fields.value)
    return NativeValue(place, is_error=fields.is_error, cleanup=fields.cleanup)


@infer_getattr
class _Fields(AttributeTemplate):
    key = _Held

    def generic_resolve(self, kind: _Held, name: str) -> Any:
        names = kind.fields.fields
        return kind.fields[names.index(name)] if name in names else None


@lower_getattr_generic(_Held)
def _read(context: Any, builder: Any, kind: _Held, place: Any, name: str) -> Any:
    assert not context.enable_nrt, "who reads a field does not own what it holds"
    number = kind.fields.fields.index(name)
    value = builder.load(cgutils.gep_inbounds(builder, place, 0, number))
    # it is the same at any time, so a loop need not read it anew after it has written elsewhere
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value
