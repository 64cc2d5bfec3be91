"""What the hot modules use of Cython's pure-Python mode, as a type checker should see it.

Cython ships no annotations. The C number types are the Python types they become when a module runs interpreted, so that
``n: cython.longlong = 0`` checks as an int. A typed memoryview (``cython.uchar[::1]``) has no spelling that a type
checker accepts in an annotation; the hot modules name it once, and `compiled` counts as false while checking:

    if cython.compiled:
        Octets = cython.typedef(cython.uchar[::1])
    else:
        Octets = memoryview

Take lengths of views with ``len(view)``, which compiles to the same field read as ``view.shape[0]``: the checker knows
that a memoryview's shape may be None.
"""

import builtins
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, overload

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

compiled: bool

char: TypeAlias = builtins.int
schar: TypeAlias = builtins.int
uchar: TypeAlias = builtins.int
short: TypeAlias = builtins.int
ushort: TypeAlias = builtins.int
int: TypeAlias = builtins.int
uint: TypeAlias = builtins.int
long: TypeAlias = builtins.int
ulong: TypeAlias = builtins.int
longlong: TypeAlias = builtins.int
ulonglong: TypeAlias = builtins.int
size_t: TypeAlias = builtins.int
Py_ssize_t: TypeAlias = builtins.int
bint: TypeAlias = builtins.bool
double: TypeAlias = builtins.float
float: TypeAlias = builtins.float
void: TypeAlias = None

class _Nogil:
    """A decorator (``@cython.nogil``), and a context manager (``with cython.nogil:``)."""

    @overload
    def __call__(self, function: _F, /) -> _F: ...
    @overload
    def __call__(self, condition: builtins.bool, /) -> _Nogil: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

nogil: _Nogil

def cclass(kind: type[_T], /) -> type[_T]: ...
def final(thing: _T, /) -> _T: ...
def cfunc(function: _F, /) -> _F: ...
def ccall(function: _F, /) -> _F: ...
def inline(function: _F, /) -> _F: ...
def returns(kind: Any, /) -> Callable[[_F], _F]: ...
def locals(**kinds: Any) -> Callable[[_F], _F]: ...
def exceptval(value: Any = ..., *, check: builtins.bool = ...) -> Callable[[_F], _F]: ...
def boundscheck(on: builtins.bool, /) -> Callable[[_F], _F]: ...
def wraparound(on: builtins.bool, /) -> Callable[[_F], _F]: ...
def cdivision(on: builtins.bool, /) -> Callable[[_F], _F]: ...
def typedef(kind: Any, name: str | None = ..., /) -> Any: ...
def cast(kind: type[_T], value: Any, *, typecheck: builtins.bool = ...) -> _T: ...
@overload
def declare(kind: type[_T], value: _T = ..., *, visibility: str = ...) -> _T: ...
@overload
def declare(**kinds: Any) -> None: ...
