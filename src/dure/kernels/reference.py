"""One argument instead of seventy arrays: a reference to the table of where the arrays lie.

A NamedTuple of arrays is handed over by value, seven words an array; with the seventy arrays of `State` in a hundred functions
that took ten minutes to compile. `Reference` is one 64-bit address of a table of (address, rows, columns); `st.nodes` in a kernel
loads the array from it. Arrays are borrowed, never counted: the `Reference` object keeps them alive for the call.
With NUMBA_DISABLE_JIT=1 the kernels get the NamedTuple itself, and the same code runs.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox
from numba.np import arrayobj

from dure.kernels.layout import State

_WORDS = 3  # address, rows, columns
_PLACE = {name: i for i, name in enumerate(State._fields)}


class _ReferenceType(types.Type):
    """A reference to arrays of just these dtypes and dimensions (in the order of State's fields)."""

    def __init__(self, columns: tuple[tuple[np.dtype[Any], int], ...]) -> None:
        self.columns = columns
        digest = hashlib.sha256(repr(columns).encode()).hexdigest()[:16]
        super().__init__(name=f"dure.kernels.Reference<{digest}>")

    def array(self, name: str) -> types.Array:
        dtype, ndim = self.columns[_PLACE[name]]
        return types.Array(numba.from_dtype(dtype), ndim, "C", aligned=True)


class Reference:
    """Where the arrays of a state lie. Holds the state alive; make a new one when an array of it was replaced."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._table = np.zeros((len(state), _WORDS), np.int64)
        for place, array in enumerate(state):
            if not array.flags.c_contiguous:
                raise ValueError(f"state array {State._fields[place]} is not contiguous")
            self._table[place] = array.ctypes.data, array.shape[0], array.shape[1] if array.ndim == 2 else 1
        self.address = int(self._table.ctypes.data)
        self.type = _ReferenceType(tuple((array.dtype, array.ndim) for array in state))


def refer(state: State) -> Any:
    """What to hand to a kernel in place of the state."""
    return state if numba.config.DISABLE_JIT else Reference(state)


@typeof_impl.register(Reference)
def _typeof(value: Reference, context: Any) -> types.Type:
    return value.type


@register_model(_ReferenceType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        super().__init__(manager, fe_type, ir.IntType(64))


@unbox(_ReferenceType)
def _unbox(typ: types.Type, obj: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(obj, "address")
    address = c.pyapi.long_as_longlong(number)
    c.pyapi.decref(number)
    return NativeValue(address)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = _ReferenceType

    def generic_resolve(self, typ: types.Type, attr: str) -> types.Type | None:
        return typ.array(attr) if attr in _PLACE else None


@lower_getattr_generic(_ReferenceType)
def _lower_attribute(context: Any, builder: Any, typ: types.Type, value: Any, attr: str) -> Any:
    kind = typ.array(attr)
    word = context.get_value_type(types.int64)
    table = builder.inttoptr(value, word.as_pointer())

    def load(k: int) -> Any:
        return builder.load(cgutils.gep_inbounds(builder, table, _PLACE[attr] * _WORDS + k))

    array = context.make_array(kind)(context, builder)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    rows = load(1)
    if kind.ndim == 2:
        columns = load(2)
        shape, strides = [rows, columns], [builder.mul(columns, itemsize), itemsize]
    else:
        shape, strides = [rows], [itemsize]
    data = builder.inttoptr(load(0), context.get_data_type(kind.dtype).as_pointer())
    arrayobj.populate_array(array, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()


_python_scores: dict[int, Any] = {}


def score_address(function: Any) -> int:
    """An address for `call_score`: of a compiled function, or without the JIT a number that stands for a Python one."""
    if numba.config.DISABLE_JIT:
        _python_scores[id(function)] = function
        return id(function)
    return int(function.address)


@intrinsic
def _call_score(typingctx: Any, address: Any, arguments: Any) -> Any:
    signature = types.float64(types.int64, types.UniTuple(types.int64, 9))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)
        pointer = builder.inttoptr(args[0], ir.FunctionType(ir.DoubleType(), [word] * 9).as_pointer())
        return builder.call(pointer, cgutils.unpack_tuple(builder, args[1], 9))

    return signature, codegen


def _call_python_score(address: int, arguments: Any) -> float:
    return float(_python_scores[int(address)](*arguments))


call_score = _call_python_score if numba.config.DISABLE_JIT else _call_score
"""`call_score(address, nine integers)`: a user's placement score."""
