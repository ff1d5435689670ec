"""Vector instructions for kernels, of four floats at a time, as intrinsics of numba's.

numba does not make them of loops over a handful of pixels by itself. They are LLVM's own, of any processor; sums are
taken in one order and nothing is contracted, so that results are the same everywhere. Of all but bytes, kernels weigh
differences from the pixel at the middle: even areas stay what they are, and sums of floats are about as exact as
pixels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["LANES", "bilinear_pixels", "copy", "cubic_pixels", "pixel", "weigh_bilinear", "weigh_cubic"]

LANES = 4
_WORD = ir.IntType(32)
_FLOAT = ir.FloatType()
_FLOATS = ir.VectorType(_FLOAT, LANES)
# cubic weights of the four pixels are ((D * t + C) * t + B) * t + A: Keys' kernel with a = -0.5
_A, _B, _C, _D = (0, 1, 0, 0), (-0.5, 0, 0.5, 0), (1, -2.5, 2, -0.5), (-0.5, 1.5, -1.5, 0.5)


def _constant(*values: float) -> Any:
    return ir.Constant(_FLOATS, [ir.Constant(_FLOAT, float(value)) for value in values])


def _lanes(builder: Any, one: Any, other: Any, *numbers: int) -> Any:
    """Lanes of two vectors, counted through both."""
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_WORD, len(numbers)), list(numbers)))


def _spread(builder: Any, value: Any) -> Any:
    """A number in all lanes."""
    vector = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, _WORD(0))
    return _lanes(builder, vector, vector, 0, 0, 0, 0)


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _load(builder: Any, pointer: Any, count: int, align: int) -> Any:
    vector = builder.load(builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, count).as_pointer()))
    vector.align = align
    return vector


def _store(builder: Any, vector: Any, pointer: Any, align: int) -> None:
    place = builder.bitcast(pointer, vector.type.as_pointer())
    builder.store(vector, place).align = align


def _as_floats(builder: Any, vector: Any, dtype: Any) -> Any:
    if isinstance(dtype, types.Float):
        return vector
    words = ir.VectorType(_WORD, vector.type.count)
    wide = builder.sext(vector, words) if dtype.signed else builder.zext(vector, words)
    return builder.sitofp(wide, _FLOATS)


def _as_pixels(builder: Any, vector: Any, dtype: Any, element: Any) -> Any:
    """Rounded as GDAL does, halves up, and kept within the type."""
    if isinstance(dtype, types.Float):
        return vector
    floor = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_FLOATS, [_FLOATS]), "llvm.floor.v4f32")
    vector = builder.call(floor, [builder.fadd(vector, _constant(0.5, 0.5, 0.5, 0.5))])
    for sign, limit in ((">", dtype.minval), ("<", dtype.maxval)):
        end = _constant(limit, limit, limit, limit)
        vector = builder.select(builder.fcmp_ordered(sign, vector, end), vector, end)
    whole = builder.fptosi(vector, ir.VectorType(_WORD, LANES))
    return builder.trunc(whole, ir.VectorType(element, LANES))


def _sums(builder: Any, vectors: Sequence[Any]) -> Any:
    """The sum of the lanes of each of four vectors."""
    pairs = []
    for one, other in (vectors[:2], vectors[2:]):
        even, odd = _lanes(builder, one, other, 0, 4, 2, 6), _lanes(builder, one, other, 1, 5, 3, 7)
        pairs.append(builder.fadd(even, odd))
    return builder.fadd(_lanes(builder, *pairs, 0, 1, 4, 5), _lanes(builder, *pairs, 2, 3, 6, 7))


def _column(builder: Any, vectors: Sequence[Any], lane: int) -> Any:
    """One lane of each of four vectors."""
    left, right = (_lanes(builder, *two, lane, 4 + lane, lane, 4 + lane) for two in (vectors[:2], vectors[2:]))
    return _lanes(builder, left, right, 0, 1, 4, 5)


def _weighted(builder: Any, vectors: Sequence[Any], weights: Sequence[Any], middle: int, apart: bool) -> Any:
    """Sums of the lanes of four vectors by weights; ``apart`` as differences from the lane in the middle."""
    around = [_lanes(builder, vector, vector, *[middle] * LANES) for vector in vectors] if apart else vectors
    parts = [builder.fsub(vector, own) for vector, own in zip(vectors, around, strict=True)] if apart else vectors
    sums = _sums(builder, [builder.fmul(part, weight) for part, weight in zip(parts, weights, strict=True)])
    return builder.fadd(_column(builder, vectors, middle), sums) if apart else sums


def _is_wide(dtype: Any) -> bool:
    """Whether sums of products are less exact in floats than pixels have to be."""
    return isinstance(dtype, types.Float) or dtype.bitwidth > 8


@intrinsic  # type: ignore[untyped-decorator]
def weigh_cubic(_: Any, share: Any, number: Any, weights: Any) -> Any:
    """Write the four weights of ``share[number]`` to ``weights``."""
    signature = types.void(share, number, weights)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shares, into = (_data(context, builder, signature.args[at], args[at]) for at in (0, 2))
        t = _spread(builder, builder.load(builder.gep(shares, [args[1]])))
        found = _constant(*_D)
        for factors in (_C, _B, _A):
            found = builder.fadd(builder.fmul(found, t), _constant(*factors))
        _store(builder, found, builder.gep(into, [builder.mul(args[1], args[1].type(LANES))]), 4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def weigh_bilinear(_: Any, across: Any, down: Any, number: Any, weights: Any) -> Any:
    """Write the weights of the pixels top left, top right, bottom left and bottom right to ``weights``."""
    signature = types.void(across, down, number, weights)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shares = [_data(context, builder, signature.args[at], args[at]) for at in (0, 1)]
        x, y = (_spread(builder, builder.load(builder.gep(share, [args[2]]))) for share in shares)
        horizontal = builder.fadd(_constant(1, 0, 1, 0), builder.fmul(_constant(-1, 1, -1, 1), x))
        vertical = builder.fadd(_constant(1, 1, 0, 0), builder.fmul(_constant(-1, -1, 1, 1), y))
        into = _data(context, builder, signature.args[3], args[3])
        place = builder.gep(into, [builder.mul(args[2], args[2].type(LANES))])
        _store(builder, builder.fmul(horizontal, vertical), place, 4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def cubic_pixels(
    _: Any, source: Any, start: Any, offsets: Any, number: Any, stride: Any, across: Any, down: Any, line: Any
) -> Any:
    """Write four pixels to ``line`` from ``number`` on: sums of 4 × 4 that begin ``offsets`` after ``start``."""
    signature = types.void(source, start, offsets, number, stride, across, down, line)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dtype, number, wide = signature.args[0].dtype, args[3], _is_wide(signature.args[0].dtype)
        source, offsets, across, down, line = (
            _data(context, builder, signature.args[at], args[at]) for at in (0, 2, 5, 6, 7)
        )
        first, vectors, weights = builder.gep(source, [args[1]]), [], []
        for lane in range(LANES):
            own = builder.add(number, number.type(lane))
            place, at = builder.gep(first, [builder.load(builder.gep(offsets, [own]))]), builder.mul(own, own.type(4))
            rows = []
            for _row in range(4):
                rows.append(_as_floats(builder, _load(builder, place, 4, dtype.bitwidth // 8), dtype))
                place = builder.gep(place, [args[4]])
            shares = [
                _spread(builder, builder.load(builder.gep(down, [builder.add(at, at.type(k))]))) for k in range(4)
            ]
            vectors.append(_sum_of_rows(builder, rows, shares, wide))
            weights.append(_load(builder, builder.gep(across, [at]), LANES, 4))
        found = _weighted(builder, vectors, weights, 1, wide)
        place = builder.gep(line, [number])
        _store(builder, _as_pixels(builder, found, dtype, place.type.pointee), place, dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature, generate


def _sum_of_rows(builder: Any, rows: Sequence[Any], weights: Sequence[Any], apart: bool) -> Any:
    if apart:
        others = [builder.fmul(weights[k], builder.fsub(rows[k], rows[1])) for k in (0, 2, 3)]
        return builder.fadd(rows[1], builder.fadd(builder.fadd(others[0], others[1]), others[2]))
    first, second, third, fourth = (builder.fmul(weights[k], rows[k]) for k in range(4))
    return builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))


@intrinsic  # type: ignore[untyped-decorator]
def bilinear_pixels(
    _: Any, source: Any, start: Any, offsets: Any, number: Any, stride: Any, weights: Any, line: Any
) -> Any:
    """The same of 2 × 2."""
    signature = types.void(source, start, offsets, number, stride, weights, line)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dtype, number, wide = signature.args[0].dtype, args[3], _is_wide(signature.args[0].dtype)
        source, offsets, weights, line = (_data(context, builder, signature.args[at], args[at]) for at in (0, 2, 5, 6))
        first, vectors, shares = builder.gep(source, [args[1]]), [], []
        for lane in range(LANES):
            own = builder.add(number, number.type(lane))
            place = builder.gep(first, [builder.load(builder.gep(offsets, [own]))])
            rows = [_load(builder, at, 2, dtype.bitwidth // 8) for at in (place, builder.gep(place, [args[4]]))]
            vectors.append(_as_floats(builder, _lanes(builder, *rows, 0, 1, 2, 3), dtype))
            shares.append(_load(builder, builder.gep(weights, [builder.mul(own, own.type(LANES))]), LANES, 4))
        found = _weighted(builder, vectors, shares, 0, wide)
        place = builder.gep(line, [number])
        _store(builder, _as_pixels(builder, found, dtype, place.type.pointee), place, dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def pixel(_: Any, source: Any, offset: Any) -> Any:
    """The pixel that lies so many after the first."""
    signature = source.dtype(source, offset)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(_data(context, builder, signature.args[0], args[0]), [args[1]]))

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def copy(_: Any, line: Any, count: Any, out: Any, band: Any, row: Any, column: Any) -> Any:
    """Copy the first pixels of a line to a place in ``out``, whose rows are in one piece."""
    signature = types.void(line, count, out, band, row, column)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[2])(context, builder, args[2])
        place = cgutils.get_item_pointer(context, builder, signature.args[2], array, args[3:6])
        line = _data(context, builder, signature.args[0], args[0])
        cgutils.raw_memcpy(builder, place, line, args[1], signature.args[0].dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature, generate
