"""The processor's prefetch instruction, for kernels that know which rows they will need next."""

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

_LINE = 64
_KEEP, _DATA = 3, 1


def _intrinsic(written: int):
    @intrinsic
    def prefetch(typing_context, address):
        def generate(context, builder, signature, arguments):
            byte = ir.IntType(8).as_pointer()
            number = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            place = builder.inttoptr(arguments[0], byte)
            builder.call(function, [place, *(number(value) for value in (written, _KEEP, _DATA))])
            return context.get_dummy_value()

        return types.void(types.intp), generate

    return prefetch


_line_to_read, _line_to_write = _intrinsic(0), _intrinsic(1)


@njit(nogil=True, cache=True, inline="always")
def row_to_read(address, size):
    """Ask for the `size` bytes at an address, to be read soon; does nothing else, also for a wrong address."""
    for byte in range(0, size, _LINE):
        _line_to_read(address + byte)  # pyright: ignore[reportCallIssue]  (an intrinsic has a typing context too)


@njit(nogil=True, cache=True, inline="always")
def row_to_write(address, size):
    """Ask for the `size` bytes at an address, to be written soon; does nothing else, also for a wrong address."""
    for byte in range(0, size, _LINE):
        _line_to_write(address + byte)  # pyright: ignore[reportCallIssue]
