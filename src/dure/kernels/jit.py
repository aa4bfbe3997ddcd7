"""`kernel`: how every function here is compiled.

Cached on disk, NumPy's error model (no check before a division), and one version for all integer arguments: numba would
compile a function anew for each constant that a caller passes, which here made ten versions of some.

A kernel that another kernel calls is a *part*: lowered once, linked into what Python calls, and made machine code only there.
Numba would optimise every function with all that it calls, its callers with all of that again, and wrap each for Python: three
times as long. What Python calls is a *whole*: its parts are private to it, so LLVM may inline and specialise them freely. Wholes
alone are cached.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numba
from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Flags, compile_extra
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.core.types import unliteral  # type: ignore[attr-defined]
from numba.core.typing.templates import make_concrete_template


class _PartLibrary(JITCodeLibrary):
    """A function as lowered, for wholes to link."""

    def finalize(self) -> None:
        self._finalized = True


class _WholeLibrary(JITCodeLibrary):
    """A function with all its parts, optimised together."""

    def _optimize_final_module(self) -> None:
        for library in self._linking_libraries:
            if isinstance(library, _PartLibrary):
                for function in library._final_module.functions:
                    if not function.is_declaration:
                        self._final_module.get_function(function.name).linkage = "internal"
        super()._optimize_final_module()


class _Compiler(_FunctionCompiler):
    """Numba's, into a library of our kind."""

    def __init__(self, dispatcher: Any, library: type[JITCodeLibrary]) -> None:
        of = dispatcher._compiler
        super().__init__(of.py_func, of.targetdescr, of.targetoptions, of.locals, of.pipeline_class)
        self._library = library

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        flags, target = Flags(), self.targetdescr.target_context
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        if self._library is _PartLibrary:
            flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        library = self._library(target.codegen(), self.py_func.__qualname__)
        library.enable_object_caching()
        collects = gc.isenabled()
        gc.disable()  # the collector would walk the growing program again and again
        try:
            typing = self.targetdescr.typing_context
            return compile_extra(
                typing, target, self.py_func, args, return_type, flags, self.locals, library, self.pipeline_class
            )
        finally:
            if collects:
                gc.enable()


class _Parts:
    """The versions of one kernel that other kernels call, by argument types."""

    def __init__(self, dispatcher: Any) -> None:
        self._compiler = _Compiler(dispatcher, _PartLibrary)
        self._target = dispatcher.targetdescr.target_context
        self._versions: dict[tuple[Any, ...], tuple[object, Any]] = {}

    def template(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """In place of numba's Dispatcher.get_call_template."""
        pysig, args = self._compiler.fold_argument_types(
            tuple(unliteral(a) for a in args), {k: unliteral(v) for k, v in kws.items()}
        )
        if args not in self._versions:
            result, key = self._compiler.compile(args, None), object()
            libraries = [result.library, *result.library._linking_libraries]
            self._target.insert_user_function(key, result.fndesc, libraries)
            self._versions[args] = key, result.signature
        signatures = [signature for _, signature in self._versions.values()]
        name = self._compiler.py_func.__name__
        return make_concrete_template(f"part {name}", name, signatures), pysig, args, {}

    def key(self, args: tuple[Any, ...]) -> object:
        """In place of numba's Dispatcher.get_overload."""
        return self._versions[tuple(args)][0]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and scalars on its first call."""
    compiled = njit(cache=True, error_model="numpy")(function)
    if numba.config.DISABLE_JIT:
        return compiled
    parts = _Parts(compiled)
    compiled.get_call_template, compiled.get_overload = parts.template, parts.key
    compiled._compiler = _Compiler(compiled, _WholeLibrary)
    return compiled
