"""Arithmetic on a few whole rows at once, as LLVM vectors: the steps of a BPR group, the sums of skip-gram.

Rows are given by their addresses: in BPR a user's row and those of a positive and its negatives. Numba's own loops
over them are not vectorised well: any two of six rows might be the same, so each loop is guarded by checks and each
row is walked alone. Here all rows are walked at once, sixteen numbers a time, with every load of a row after the
stores to the rows before it, so that a playlist that is in a group twice takes both steps.

How many rows and how many vectors there are is the length of a tuple: numba knows it when it compiles, and the loops
are unrolled. Any row is as long as `vectors` x 16 float32.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDTH = 16
"""Numbers in a vector: one AVX-512 register, two of AVX2, four of NEON."""

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_INDEX = ir.IntType(32)
_SUMMED = ("reassoc", "nsz")
_ALIGNMENT = 4


def padded(dimension: int) -> int:
    """The length of rows that hold `dimension` numbers: the next multiple of a vector."""
    return -(-dimension // WIDTH) * WIDTH


class _Rows:
    """Emits code on rows at addresses."""

    def __init__(self, builder: ir.IRBuilder):
        self._builder = builder

    def vector(self, address: ir.Value, number: int) -> ir.Value:
        """Pointer to vector `number` of the row at an address."""
        start = self._builder.inttoptr(address, _VECTOR.as_pointer())
        return self._builder.gep(start, [_INDEX(number)])

    def load(self, address: ir.Value, number: int) -> ir.Value:
        """Vector `number` of the row at an address."""
        return self._builder.load(self.vector(address, number), align=_ALIGNMENT)

    def store(self, value: ir.Value, address: ir.Value, number: int) -> None:
        """Replace vector `number` of the row at an address."""
        self._builder.store(value, self.vector(address, number), align=_ALIGNMENT)

    def number(self, array: ir.Value, place: int, kind: ir.Type) -> ir.Value:
        """Entry `place` of the array of numbers at an address."""
        start = self._builder.inttoptr(array, kind.as_pointer())
        return self._builder.load(self._builder.gep(start, [_INDEX(place)]))

    def spread(self, number: ir.Value) -> ir.Value:
        """Vector that holds a float32 everywhere."""
        one = self._builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INDEX(0))
        same = ir.Constant(ir.VectorType(_INDEX, WIDTH), [0] * WIDTH)
        return self._builder.shuffle_vector(one, one, same)

    def times(self, a: ir.Value, b: ir.Value, plus: ir.Value | None = None) -> ir.Value:
        """a * b, or a * b + plus in one instruction.

        Said outright: of a * b + c * d LLVM may fuse either product, and did not always choose the same.
        """
        if plus is None:
            return self._builder.fmul(a, b)
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = cgutils.get_or_insert_function(self._builder.module, kind, f"llvm.fmuladd.v{WIDTH}f32")
        return self._builder.call(function, [a, b, plus])

    def total(self, vector: ir.Value) -> ir.Value:
        """Sum of a vector's numbers."""
        kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
        name = f"llvm.vector.reduce.fadd.v{WIDTH}f32"
        function = cgutils.get_or_insert_function(self._builder.module, kind, name)
        return self._builder.call(function, [_FLOAT(0.0), vector], fastmath=_SUMMED)


@intrinsic
def dot_products(typing_context, user, rows, products, row_count, vectors):
    """Write the dot products of a user's row with each row: float32 at `products`.

    `user` and `products` are addresses, `rows` is the address of int64 addresses; `row_count` and `vectors` are
    tuples of that many numbers.
    """

    def generate(context, builder, signature, arguments):
        emit = _Rows(builder)
        user, rows, products = arguments[:3]
        addresses = [emit.number(rows, k, ir.IntType(64)) for k in range(len(signature.args[3]))]
        sums: list[Any] = [None] * len(addresses)
        for part in range(len(signature.args[4])):
            own = emit.load(user, part)
            sums = [
                emit.times(own, emit.load(row, part), plus=so_far) for row, so_far in zip(addresses, sums, strict=True)
            ]
        start = builder.inttoptr(products, _FLOAT.as_pointer())
        for k, found in enumerate(sums):
            builder.store(emit.total(found), builder.gep(start, [_INDEX(k)]))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, row_count, vectors), generate


@intrinsic
def step_rows(typing_context, user, rows, change, weights, steps, decays, row_count, vectors):
    """Step each row towards the user's, row k: decays[k] x row + steps[k] x user; and sum weights[k] x row in `change`.

    Arguments as in `dot_products`; `weights`, `steps` and `decays` are addresses of float32. The sum is of the rows as
    they were.
    """

    def generate(context, builder, signature, arguments):
        emit = _Rows(builder)
        user, rows, change, weights, steps, decays = arguments[:6]
        slots = range(len(signature.args[6]))
        addresses = [emit.number(rows, k, ir.IntType(64)) for k in slots]
        weight, step, decay = (
            [emit.spread(emit.number(array, k, _FLOAT)) for k in slots] for array in (weights, steps, decays)
        )
        for part in range(len(signature.args[7])):
            own = emit.load(user, part)
            summed = None
            for k in slots:
                row = emit.load(addresses[k], part)
                summed = emit.times(row, weight[k], plus=summed)
                emit.store(emit.times(own, step[k], plus=emit.times(row, decay[k])), addresses[k], part)
            emit.store(summed, change, part)
        return context.get_dummy_value()

    kinds = types.void(types.intp, types.intp, types.intp, types.intp, types.intp, types.intp, row_count, vectors)
    return kinds, generate


@intrinsic
def add_rows(typing_context, total, rows, weights, row_count, vectors):
    """Add weights[k] x row k to the row at `total`, for all rows.

    Arguments as in `dot_products`; `weights` is an address of float32.
    """

    def generate(context, builder, signature, arguments):
        emit = _Rows(builder)
        total, rows, weights = arguments[:3]
        slots = range(len(signature.args[3]))
        addresses = [emit.number(rows, k, ir.IntType(64)) for k in slots]
        weight = [emit.spread(emit.number(weights, k, _FLOAT)) for k in slots]
        for part in range(len(signature.args[4])):
            summed = emit.load(total, part)
            for k in slots:
                summed = emit.times(emit.load(addresses[k], part), weight[k], plus=summed)
            emit.store(summed, total, part)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, row_count, vectors), generate


@intrinsic
def step_user(typing_context, user, change, rate, decay, vectors):
    """Step a user's row: decay x row + rate x change; `user` and `change` are addresses, `vectors` a tuple."""

    def generate(context, builder, signature, arguments):
        emit = _Rows(builder)
        user, change = arguments[:2]
        rate, decay = (emit.spread(number) for number in arguments[2:4])
        for part in range(len(signature.args[4])):
            row = emit.times(emit.load(user, part), decay)
            emit.store(emit.times(emit.load(change, part), rate, plus=row), user, part)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.float32, types.float32, vectors), generate
