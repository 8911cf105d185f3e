"""The processor's prefetch instruction, for a kernel that knows which rows it will write next.

BPR alone uses it: there a plain numba loop takes 2.3 times as long on data of the tenth's size. For ALS, sums of rows
and ranks of cases the gain was below 1.5 (docs/decisions/0006-vector-code.md), and they are plain loops.
"""

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

_LINE = 64
_WRITTEN, _KEEP, _DATA = 1, 3, 1


@intrinsic
def _line_to_write(typing_context, address):
    def generate(context, builder, signature, arguments):
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        place = builder.inttoptr(arguments[0], byte)
        builder.call(function, [place, *(number(value) for value in (_WRITTEN, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(types.intp), generate


@njit(nogil=True, cache=True, inline="always")
def row_to_write(address, size):
    """Ask for the `size` bytes at an address, to be written soon; does nothing else, also for a wrong address."""
    for byte in range(0, size, _LINE):
        _line_to_write(address + byte)  # type: ignore[call-arg]
