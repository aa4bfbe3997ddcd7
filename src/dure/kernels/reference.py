"""One argument instead of seventy arrays: a reference to the table of where the arrays lie.

A NamedTuple of arrays is handed over by value, seven words an array; with the seventy arrays of `State` in a hundred functions
that took ten minutes to compile. `Reference` is one 64-bit address of a table of (address, rows, columns); `st.nodes` in a kernel
is a *column* read from it: a pointer with its rows and columns, indexed by numbers from 0 on, never sliced, never counted. The
table does not change while a kernel runs, and the compiler is told so: it keeps the pointers in registers. The `Reference` object
keeps the arrays alive for the call. With NUMBA_DISABLE_JIT=1 the kernels get the NamedTuple itself, and the same code runs; with
NUMBA_BOUNDSCHECK=1 an index outside a column raises IndexError.
"""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

from dure.kernels.layout import FIXED, State

_WORDS = 3  # address, rows, columns
_PLACE = {name: i for i, name in enumerate(State._fields)}


class _ColumnType(types.Type):
    """An array of a state: `c[i]`, or `c[i, k]` where it has two dimensions; `len(c)` is its rows.

    `fixed`: no kernel writes to it, so what was read once need not be read again.
    """

    def __init__(self, dtype: np.dtype[Any], ndim: int, fixed: bool) -> None:
        self.dtype, self.ndim, self.fixed = numba.from_dtype(dtype), ndim, fixed
        super().__init__(name=f"dure.kernels.Column<{self.dtype}, {ndim}, {fixed}>")


class _ReferenceType(types.Type):
    """A reference to arrays of just these dtypes and dimensions (in the order of State's fields)."""

    def __init__(self, columns: tuple[tuple[np.dtype[Any], int], ...]) -> None:
        self.columns = [
            _ColumnType(dtype, ndim, name in FIXED) for name, (dtype, ndim) in zip(State._fields, columns, strict=True)
        ]
        digest = hashlib.sha256(repr(columns).encode()).hexdigest()[:16]
        super().__init__(name=f"dure.kernels.Reference<{digest}>")


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
        self.type = _reference_type(tuple((array.dtype, array.ndim) for array in state))


_types: dict[tuple[tuple[np.dtype[Any], int], ...], _ReferenceType] = {}


def _reference_type(columns: tuple[tuple[np.dtype[Any], int], ...]) -> _ReferenceType:
    if columns not in _types:
        _types[columns] = _ReferenceType(columns)
    return _types[columns]


def refer(state: State) -> Any:
    """What to hand to a kernel in place of the state."""
    return state if numba.config.DISABLE_JIT else Reference(state)


@typeof_impl.register(Reference)
def _typeof(value: Reference, context: Any) -> types.Type:
    return value.type


@register_model(_ReferenceType)
class _ReferenceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        super().__init__(manager, fe_type, ir.IntType(64))


@register_model(_ColumnType)
class _ColumnModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: types.Type) -> None:
        super().__init__(manager, fe_type, [(name, types.int64) for name in ("address", "rows", "columns")])


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
        return typ.columns[_PLACE[attr]] if attr in _PLACE else None


@lower_getattr_generic(_ReferenceType)
def _lower_attribute(context: Any, builder: Any, typ: types.Type, value: Any, attr: str) -> Any:
    table = builder.inttoptr(value, ir.IntType(64).as_pointer())
    column = cgutils.create_struct_proxy(typ.columns[_PLACE[attr]])(context, builder)
    for k, name in enumerate(("address", "rows", "columns")):
        word = builder.load(cgutils.gep_inbounds(builder, table, _PLACE[attr] * _WORDS + k))
        word.set_metadata("invariant.load", builder.module.add_metadata([]))
        setattr(column, name, word)
    return column._getvalue()


def _index_types(column: types.Type, index: types.Type) -> types.Type | None:
    """The type that an index is read as; None if it does not fit the column."""
    if column.ndim == 1:
        return types.int64 if isinstance(index, types.Integer | types.Boolean) else None
    return types.UniTuple(types.int64, 2) if isinstance(index, types.BaseTuple) and len(index) == 2 else None


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], _ColumnType) and (index := _index_types(args[0], args[1])):
            return signature(args[0].dtype, args[0], index)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], _ColumnType) and not args[0].fixed and (index := _index_types(args[0], args[1])):
            return signature(types.none, args[0], index, args[0].dtype)
        return None


@infer_global(len)
class _Len(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.int64, args[0]) if isinstance(args[0], _ColumnType) else None


def _element(context: Any, builder: Any, typ: types.Type, value: Any, index: Any) -> Any:
    """Pointer to an element of a column."""
    column = cgutils.create_struct_proxy(typ)(context, builder, value=value)
    if typ.ndim == 2:
        row, rest = cgutils.unpack_tuple(builder, index, 2)
        index = builder.add(builder.mul(row, column.columns), rest)
    if numba.config.BOUNDSCHECK:
        size = builder.mul(column.rows, column.columns)
        with builder.if_then(builder.icmp_unsigned(">=", index, size), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("index outside a column of the state",))
    data = builder.inttoptr(column.address, context.get_data_type(typ.dtype).as_pointer())
    return builder.gep(data, [index], inbounds=True)


@lower_builtin(operator.getitem, _ColumnType, types.int64)
@lower_builtin(operator.getitem, _ColumnType, types.UniTuple(types.int64, 2))
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _element(context, builder, sig.args[0], *args)
    value = context.unpack_value(builder, sig.return_type, pointer)
    if sig.args[0].fixed and isinstance(value, ir.LoadInstr):
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


@lower_builtin(operator.setitem, _ColumnType, types.int64, types.Any)
@lower_builtin(operator.setitem, _ColumnType, types.UniTuple(types.int64, 2), types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _element(context, builder, sig.args[0], args[0], args[1])
    context.pack_value(builder, sig.args[2], args[2], pointer)
    return context.get_dummy_value()


@lower_builtin(len, _ColumnType)
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).rows


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
