"""The two largest singular values of bipartite graphs, one layer and all its degree classes.

A *task* is a set of left nodes with all their edges. It is split into connected components
first, since the largest singular value of a connected graph is simple (Perron-Frobenius): a
repeated one, which a Krylov space cannot show, then comes from two components. A component is
copied into a small CSR matrix whose rows are its longer side, and solved on its shorter side

- by Householder and bisection on the Gram matrix, where that side has at most `SMALL` nodes;
- else by Lanczos on ``B^T B`` with full reorthogonalisation, which moves on to a dense Gram
  matrix when that makes the remaining steps cheaper.

Residuals are computed from the vectors, not estimated. A second value below 1e-5 of the first is
refined on the deflated matrix, since a Gram matrix cannot resolve it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel, summing_kernel

__all__ = [
    "EXACT",
    "IN_PLACE",
    "MAX_STEPS",
    "SMALL",
    "TOLERANCE",
    "Workspace",
    "all_count",
    "class_spectra",
    "dot",
    "fill_random",
    "is_connected",
    "largest_two",
    "orthogonalize",
    "scale",
    "sort_by_degree",
    "subtract",
    "tridiagonal_vector",
]

SMALL = 32
"""Shorter sides up to this size are solved directly."""

MAX_STEPS = 320
"""Rows of the Lanczos basis; a task that needs more is reported as not converged."""

TOLERANCE = 1e-8
"""Residual, relative to the larger singular value, at which Lanczos stops."""

EXACT, COARSE = 4e-16, 1e-11
"""Widths of bisection's brackets: of final values, and where only convergence is judged."""

FIRST_VECTOR = MAX_STEPS + 1
"""Row of the basis that holds the first singular vector; the second one follows."""

IN_PLACE = 2**20
"""Edges from which a component that spans most of a layer is not copied."""

ONE, TWO, THREE, FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)

SECTIONS = 8
"""Points that one round of bisection tries at once, a multiple of the vector width."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.unsignedinteger]
Values = NDArray[np.floating]


class Workspace(NamedTuple):
    """Scratch arrays of one thread, sized for its largest task."""

    parent: Ints  # longer side: union-find
    name: Ints  # right nodes: their number within the component
    norms: Floats  # right nodes: squared Frobenius norm of a component, at its root
    kept: Ints  # left nodes of the component
    indptr: Ints  # longer side + 1
    indices: Columns  # edges
    values: NDArray[np.floating]  # edges; empty where there are no weights
    start: Floats  # shorter side
    left: Floats  # longer side
    image: Floats  # longer side
    alpha: Floats  # MAX_STEPS: diagonal of a tridiagonal matrix
    beta: Floats  # MAX_STEPS: beside the diagonal
    last: Floats  # MAX_STEPS: an eigenvector of it
    scratch: Floats  # MAX_STEPS
    basis: Floats  # MAX_STEPS + 3 rows of the shorter side, flat
    gram: Floats  # square of the shorter side, flat, where a Gram matrix is allowed


class Pair(NamedTuple):
    """The two largest singular values of a task, with what is known of their error."""

    first: float
    second: float
    residual: float  # the larger of both residuals, relative to `first`
    converged: bool


# --- vectors -------------------------------------------------------------------------------


@summing_kernel
def dot(x: Floats, y: Floats) -> float:
    """Scalar product. O(n)."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel
def subtract(out: Floats, factor: float, x: Floats) -> None:
    """Take ``factor * x`` from `out`. O(n)."""
    for i in range(out.size):
        out[i] -= factor * x[i]


@kernel
def scale(x: Floats, factor: float) -> None:
    """Multiply `x` in place. O(n)."""
    for i in range(x.size):
        x[i] *= factor


@kernel
def fill_random(out: Floats, seed: int) -> None:
    """Fill with a fixed sequence in [0.25, 1.25) times random signs, by splitmix64. O(n).

    No entry is near 0, so that no direction starts out nearly missing on small graphs.
    """
    state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)
    for i in range(out.size):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        size = 0.25 + np.float64(z >> np.uint64(11)) * 2.0**-53
        out[i] = size if z & np.uint64(1) == 0 else -size


# --- the operator B^T B --------------------------------------------------------------------


@kernel
def _image(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, x: Floats, out: Floats
) -> None:
    """``out = B x``. O(nnz)."""
    for row in range(out.size):
        total = 0.0
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            total += x[indices[slot]] * (values[slot] if weighted else 1.0)
        out[row] = total


@kernel
def _multiply(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, x: Floats, out: Floats
) -> None:
    """``out = B^T B x`` in one pass over the rows. O(nnz), 2 or 4 bytes an edge read twice.

    Written out, since a call for every row costs more than a short row.
    """
    for column in range(out.size):
        out[column] = 0.0
    start = np.uint64(indptr[0])
    for row in range(1, indptr.size):
        end = np.uint64(indptr[row])
        a = b = c = d = 0.0
        slot = start
        if weighted:
            while slot + FOUR <= end:
                a += values[slot] * x[indices[slot]]
                b += values[slot + ONE] * x[indices[slot + ONE]]
                c += values[slot + TWO] * x[indices[slot + TWO]]
                d += values[slot + THREE] * x[indices[slot + THREE]]
                slot += FOUR
            while slot < end:
                a += values[slot] * x[indices[slot]]
                slot += ONE
            total = (a + b) + (c + d)
            for place in range(start, end):
                out[indices[place]] += values[place] * total
        else:
            while slot + FOUR <= end:
                a += x[indices[slot]]
                b += x[indices[slot + ONE]]
                c += x[indices[slot + TWO]]
                d += x[indices[slot + THREE]]
                slot += FOUR
            while slot < end:
                a += x[indices[slot]]
                slot += ONE
            total = (a + b) + (c + d)
            for place in range(start, end):
                out[indices[place]] += total
        start = end


@kernel
def _multiply_deflated(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    left: Floats,
    right: Floats,
    x: Floats,
    image: Floats,
    out: Floats,
) -> None:
    """Multiply with ``C^T C``, where C is B without its first singular triplet. O(nnz).

    The image ``B x`` is cleaned before it is multiplied again, so that rounding is relative to
    the first singular value itself, not to its square.
    """
    _image(indptr, indices, values, weighted, x, image)
    subtract(image, dot(left, image), left)
    out[:] = 0.0
    for row in range(image.size):
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            out[indices[slot]] += image[row] * (values[slot] if weighted else 1.0)
    subtract(out, dot(right, out), right)


@kernel
def _fill_gram(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, n: int, gram: Floats
) -> None:
    """Upper triangle of ``B^T B``; columns ascend within rows. O(squared row degrees + n^2)."""
    gram[: n * n] = 0.0
    for row in range(indptr.size - 1):
        end = np.uint64(indptr[row + 1])
        for slot in range(np.uint64(indptr[row]), end):
            base = np.uint64(indices[slot]) * np.uint64(n)
            if weighted:
                factor = np.float64(values[slot])
                for other in range(slot, end):
                    gram[base + indices[other]] += factor * values[other]
            else:
                for other in range(slot, end):
                    gram[base + indices[other]] += 1.0


@summing_kernel
def _multiply_dense(gram: Floats, x: Floats, out: Floats) -> None:
    """``out = G x`` from the upper triangle of a symmetric G, read once. O(n^2)."""
    n = x.size
    out[:] = 0.0
    for i in range(n):
        line = gram[i * n + i + 1 : (i + 1) * n]
        below, after = out[i + 1 :], x[i + 1 :]
        factor = x[i]
        total = factor * gram[i * n + i]
        for j in range(line.size):
            below[j] += factor * line[j]
            total += line[j] * after[j]
        out[i] += total


@summing_kernel
def orthogonalize(basis: Floats, n: int, count: int, image: Floats) -> None:
    """Take the parts along the first `count` rows of the basis from `image`. O(count n).

    Gram-Schmidt, the newest rows first, since they hold the largest parts; four rows at a time,
    so that the image is read and written a quarter as often.
    """
    row = count
    while row >= 4:
        row -= 4
        first, second = basis[row * n : (row + 1) * n], basis[(row + 1) * n : (row + 2) * n]
        third, fourth = basis[(row + 2) * n : (row + 3) * n], basis[(row + 3) * n : (row + 4) * n]
        a = b = c = d = 0.0
        for i in range(image.size):
            a += first[i] * image[i]
            b += second[i] * image[i]
            c += third[i] * image[i]
            d += fourth[i] * image[i]
        for i in range(image.size):
            image[i] -= (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i])
    while row > 0:
        row -= 1
        first = basis[row * n : (row + 1) * n]
        a = 0.0
        for i in range(image.size):
            a += first[i] * image[i]
        for i in range(image.size):
            image[i] -= a * first[i]


# --- symmetric tridiagonal matrices --------------------------------------------------------


@kernel
def largest_two(
    alpha: Floats,
    beta: Floats,
    n: int,
    least: float,
    second_least: float,
    precision: float,
    scratch: Floats,
) -> tuple[float, float]:
    """Return the two largest eigenvalues of a positive semidefinite tridiagonal matrix.

    Bisection by Sturm counts, with `SECTIONS` points for either value in every round, until the
    brackets are `precision` of the largest value wide. `least` and `second_least` are lower
    bounds; where they are known the first round's points crowd towards them, since Ritz values
    creep upwards. O(n log(1 / precision)).
    """
    if n == 1:
        return alpha[0], 0.0
    high = 0.0
    for j in range(n):
        reach = alpha[j] + (abs(beta[j]) if j < n - 1 else 0.0) + (abs(beta[j - 1]) if j else 0.0)
        high = max(high, reach)
    low1, high1 = least, high * (1 + 1e-15)
    low2, high2 = second_least, high1
    points = scratch[: 2 * SECTIONS]
    pivots = scratch[2 * SECTIONS : 4 * SECTIONS]
    above = scratch[4 * SECTIONS : 6 * SECTIONS]
    floor = high * 1e-300 + 1e-300
    crowd = second_least > 0.0
    for _ in range(40):
        for s in range(SECTIONS):
            share = 10.0 ** (s - SECTIONS) if crowd else (s + 1) / (SECTIONS + 1)
            points[s] = low1 + (high1 - low1) * share
            points[SECTIONS + s] = low2 + (high2 - low2) * share
        crowd = False
        for s in range(2 * SECTIONS):
            pivots[s] = alpha[0] - points[s]
            above[s] = 1.0 if pivots[s] > 0.0 else 0.0
        for j in range(1, n):
            square = beta[j - 1] * beta[j - 1]
            for s in range(2 * SECTIONS):
                pivot = pivots[s]
                pivot = pivot if abs(pivot) > floor else -floor
                pivot = (alpha[j] - points[s]) - square / pivot
                pivots[s] = pivot
                above[s] += 1.0 if pivot > 0.0 else 0.0
        for s in range(SECTIONS):
            if above[s] >= 1.0:
                low1 = max(low1, points[s])
            else:
                high1 = min(high1, points[s])
            if above[SECTIONS + s] >= 2.0:
                low2 = max(low2, points[SECTIONS + s])
            else:
                high2 = min(high2, points[SECTIONS + s])
        if max(high1 - low1, high2 - low2) <= precision * high:
            break
    return 0.5 * (low1 + high1), 0.5 * (low2 + high2)


@kernel
def tridiagonal_vector(
    alpha: Floats, beta: Floats, n: int, value: float, out: Floats, pivots: Floats
) -> None:
    """Eigenvector of a tridiagonal matrix by twisted factorisation, of norm 1. O(n)."""
    tiny = 1e-290 + 1e-18 * abs(value)
    pivots[0] = alpha[0] - value
    for j in range(1, n):
        pivot = pivots[j - 1] if abs(pivots[j - 1]) > tiny else tiny
        pivots[j] = (alpha[j] - value) - beta[j - 1] * beta[j - 1] / pivot
    back = alpha[n - 1] - value
    twist, least = n - 1, abs(pivots[n - 1])
    out[n - 1] = back
    for j in range(n - 2, -1, -1):
        pivot = back if abs(back) > tiny else tiny
        back = (alpha[j] - value) - beta[j] * beta[j] / pivot
        out[j] = back
        gamma = abs(pivots[j] + back - (alpha[j] - value))
        if gamma < least:
            twist, least = j, gamma
    for j in range(twist + 1, n):
        pivot = out[j] if abs(out[j]) > tiny else tiny
        out[j] = -beta[j - 1] / pivot * (1.0 if j == twist + 1 else out[j - 1])
    out[twist] = 1.0
    for j in range(twist - 1, -1, -1):
        pivot = pivots[j] if abs(pivots[j]) > tiny else tiny
        out[j] = -beta[j] / pivot * out[j + 1]
    scale(out[:n], 1.0 / np.sqrt(dot(out[:n], out[:n])))


@kernel
def _tridiagonalize(
    matrix: Floats, n: int, alpha: Floats, beta: Floats, lengths: Floats, scratch: Floats
) -> None:
    """Householder reduction of a symmetric upper triangle; keeps the reflectors. O(n^3)."""
    for i in range(n):
        for j in range(i):
            matrix[i * n + j] = matrix[j * n + i]
    for i in range(n - 2):
        alpha[i] = matrix[i * n + i]
        reflector = matrix[i * n + i + 1 : (i + 1) * n]
        norm = np.sqrt(dot(reflector, reflector))
        lengths[i] = 0.0
        beta[i] = 0.0
        if norm == 0.0:
            continue
        beta[i] = -norm if reflector[0] > 0.0 else norm
        reflector[0] -= beta[i]
        lengths[i] = 0.5 * dot(reflector, reflector)
        image = scratch[: n - 1 - i]
        for row in range(i + 1, n):
            line = matrix[row * n + i + 1 : (row + 1) * n]
            image[row - i - 1] = dot(line, reflector) / lengths[i]
        subtract(image, 0.5 * dot(image, reflector) / lengths[i], reflector)
        for row in range(i + 1, n):
            line = matrix[row * n + i + 1 : (row + 1) * n]
            subtract(line, reflector[row - i - 1], image)
            subtract(line, image[row - i - 1], reflector)
    if n > 1:
        alpha[n - 2] = matrix[(n - 2) * n + n - 2]
        beta[n - 2] = matrix[(n - 2) * n + n - 1]
    alpha[n - 1] = matrix[n * n - 1]


@kernel
def _reflect_back(matrix: Floats, n: int, lengths: Floats, vector: Floats) -> None:
    """Turn an eigenvector of the tridiagonal matrix into one of the matrix itself. O(n^2)."""
    for i in range(n - 3, -1, -1):
        if lengths[i] > 0.0:
            part = vector[i + 1 :]
            reflector = matrix[i * n + i + 1 : (i + 1) * n]
            subtract(part, dot(part, reflector) / lengths[i], reflector)


# --- solvers: both leave two vectors, in the basis's rows FIRST_VECTOR and the next -----------


@kernel
def _line(basis: Floats, row: int, n: int) -> Floats:
    """View one row of the basis, which is stored flat."""
    return basis[row * n : (row + 1) * n]


@kernel
def _solve_dense(
    gram: Floats,
    n: int,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    lengths: Floats,
    scratch: Floats,
) -> tuple[float, float]:
    """Two largest eigenvalues of a Gram matrix by Householder, bisection and twist. O(n^3)."""
    _tridiagonalize(gram, n, alpha, beta, lengths, scratch)
    first, second = largest_two(alpha, beta, n, 0.0, 0.0, EXACT, scratch)
    for which in range(2):
        vector = _line(basis, FIRST_VECTOR + which, n)
        value = first if which == 0 else second
        tridiagonal_vector(alpha, beta, n, value, vector, scratch)
        _reflect_back(gram, n, lengths, vector)
    return first, second


@kernel
def _combine(
    basis: Floats,
    n: int,
    alpha: Floats,
    beta: Floats,
    steps: int,
    value: float,
    which: int,
    last: Floats,
    scratch: Floats,
) -> None:
    """Form the Ritz vector of `value` in the basis row that is kept for it. O(n steps)."""
    tridiagonal_vector(alpha, beta, steps, value, last, scratch)
    vector = _line(basis, FIRST_VECTOR + which, n)
    vector[:] = 0.0
    for j in range(steps):
        subtract(vector, -last[j], _line(basis, j, n))


@kernel
def _gram_pays(indptr: Ints, n: int, room: int, steps: int) -> bool:
    """Whether a Gram matrix would make `steps` more steps cheaper (costs measured in ns)."""
    if n * n > room:
        return False
    squares = 0.0
    for row in range(indptr.size - 1):
        degree = float(indptr[row + 1] - indptr[row])
        squares += degree * degree
    saved = 0.5 * (indptr[-1] - indptr[0]) + 0.6 * indptr.size - 0.05 * n * n
    return bool(steps * saved > 0.28 * squares + 0.1 * n * n)


@kernel
def _lanczos(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    n: int,
    gram: Floats,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    last: Floats,
    scratch: Floats,
) -> tuple[float, float, int, bool]:
    """Two largest eigenvalues of ``B^T B`` from the vector in the basis's first row.

    Full reorthogonalisation; stops at a residual of `TOLERANCE`, or when the Krylov space is
    exhausted. Returns the values, the steps and whether it stopped. O(steps nnz + steps^2 n).
    """
    start = _line(basis, 0, n)
    scale(start, 1.0 / np.sqrt(dot(start, start)))
    dense = False
    first = second = largest = 0.0
    next_check, last_check, last_ratio = 8, 0, 0.0
    for step in range(MAX_STEPS):
        # At first only where it costs no more than the steps that any graph needs.
        ahead = 8 if step == 0 else 25
        if (step == 0 or step == 8) and not dense and _gram_pays(indptr, n, gram.size, ahead):
            dense = True
            _fill_gram(indptr, indices, values, weighted, n, gram)
        vector, image = _line(basis, step, n), _line(basis, step + 1, n)
        if dense:
            _multiply_dense(gram, vector, image)
        else:
            _multiply(indptr, indices, values, weighted, vector, image)
        alpha[step] = dot(vector, image)
        orthogonalize(basis, n, step + 1, image)
        beta[step] = np.sqrt(dot(image, image))
        steps = step + 1
        largest = max(largest, alpha[step])
        exhausted = beta[step] <= 1e-13 * largest or steps == n
        if exhausted or steps >= next_check or steps == MAX_STEPS:
            low, second_low = first * (1 - 1e-10), max(second - 1e-10 * first, 0.0)
            precision = EXACT if exhausted else COARSE
            first, second = largest_two(alpha, beta, steps, low, second_low, precision, scratch)
            if exhausted:
                return first, second, steps, True
            tridiagonal_vector(alpha, beta, steps, first, last, scratch)
            ratio = beta[step] * abs(last[step]) / (2 * TOLERANCE * first)
            tridiagonal_vector(alpha, beta, steps, second, last, scratch)
            goal = max(2 * TOLERANCE * np.sqrt(first * second), 1e-12 * first)
            ratio = max(ratio, beta[step] * abs(last[step]) / goal)
            if ratio <= 1.0:
                return first, second, steps, True
            wait = 4.0
            if last_check and ratio < last_ratio:
                wait = np.log(ratio) * (steps - last_check) / np.log(last_ratio / ratio)
            last_check, last_ratio = steps, ratio
            next_check = steps + int(min(max(np.ceil(wait), 2.0), 8.0))
        scale(image, 1.0 / beta[step])
    return first, second, MAX_STEPS, False


@kernel
def _residual(
    indptr: Ints, indices: Columns, values: Values, weighted: bool, vector: Floats, image: Floats
) -> tuple[float, float]:
    """Rayleigh quotient of ``B^T B`` at `vector`, and the norm of what it leaves. O(nnz)."""
    scale(vector, 1.0 / np.sqrt(dot(vector, vector)))
    _multiply(indptr, indices, values, weighted, vector, image)
    quotient = dot(vector, image)
    subtract(image, quotient, vector)
    return quotient, np.sqrt(dot(image, image))


@kernel
def _deflated_value(
    indptr: Ints,
    indices: Columns,
    values: Values,
    weighted: bool,
    n: int,
    sigma: float,
    right: Floats,
    left: Floats,
    image: Floats,
    basis: Floats,
    alpha: Floats,
    beta: Floats,
    last: Floats,
    scratch: Floats,
) -> tuple[float, float]:
    """Second singular value by Lanczos on the deflated matrix, and its residual.

    For values too small for a Gram matrix of the whole (below 1e-5 of the first). O(steps nnz).
    """
    _image(indptr, indices, values, weighted, right, left)
    scale(left, 1.0 / np.sqrt(dot(left, left)))
    start = _line(basis, 0, n)
    fill_random(start, n)
    subtract(start, dot(start, right), right)
    scale(start, 1.0 / np.sqrt(dot(start, start)))
    value = residual = 0.0
    for step in range(min(n - 1, MAX_STEPS)):
        vector, following = _line(basis, step, n), _line(basis, step + 1, n)
        _multiply_deflated(indptr, indices, values, weighted, left, right, vector, image, following)
        alpha[step] = max(dot(vector, following), 0.0)
        orthogonalize(basis, n, step + 1, following)
        beta[step] = np.sqrt(dot(following, following))
        value = largest_two(alpha, beta, step + 1, 0.0, 0.0, EXACT, scratch)[0]
        if value <= (1e-15 * sigma) ** 2 or beta[step] <= 1e-13 * value:
            return np.sqrt(value), 1e-15 * sigma
        tridiagonal_vector(alpha, beta, step + 1, value, last, scratch)
        residual = beta[step] * abs(last[step]) / np.sqrt(value)
        if residual <= 1e-13 * sigma:
            break
        scale(following, 1.0 / beta[step])
    return np.sqrt(value), residual


@kernel
def _solve(indptr: Ints, indices: Columns, values: Values, n: int, work: Workspace) -> Pair:
    """Solve one connected component, given as CSR by its longer side. See the file's head.

    Without `values` it is the 0/1 matrix. Lanczos starts from ``work.start``.
    """
    basis, alpha, beta = work.basis, work.alpha, work.beta
    # A flag that is computed, since numba would compile anew for each constant.
    weighted = values.size > 0
    converged = True
    if n <= SMALL:
        _fill_gram(indptr, indices, values, weighted, n, work.gram)
        first, second = _solve_dense(work.gram, n, basis, alpha, beta, work.last, work.scratch)
    else:
        for i in range(n):
            basis[i] = work.start[i]
        first, second, steps, converged = _lanczos(
            indptr,
            indices,
            values,
            weighted,
            n,
            work.gram,
            basis,
            alpha,
            beta,
            work.last,
            work.scratch,
        )
        _combine(basis, n, alpha, beta, steps, first, 0, work.last, work.scratch)
        _combine(basis, n, alpha, beta, steps, second, 1, work.last, work.scratch)
    image, right = _line(basis, MAX_STEPS, n), _line(basis, FIRST_VECTOR, n)
    first, residual = _residual(indptr, indices, values, weighted, right, image)
    sigma = np.sqrt(first)
    residual /= first
    if second <= 1e-10 * first:
        n_rows = indptr.size - 1
        low, low_residual = _deflated_value(
            indptr,
            indices,
            values,
            weighted,
            n,
            sigma,
            right,
            work.left[:n_rows],
            work.image[:n_rows],
            basis,
            alpha,
            beta,
            work.last,
            work.scratch,
        )
    else:
        vector = _line(basis, FIRST_VECTOR + 1, n)
        second, low_residual = _residual(indptr, indices, values, weighted, vector, image)
        low = np.sqrt(second)
        low_residual /= low
    residual = max(residual, low_residual / sigma)
    return Pair(sigma, low, residual, converged and residual <= 1e-7)


# --- tasks: sets of left nodes, and their connected components -------------------------------


@kernel
def _root(parent: Ints, node: int) -> int:
    """Find the representative of the node's component; paths are halved on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def _tally(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    root: int,
    work: Workspace,
) -> tuple[int, int]:
    """List the rows to copy in ``work.kept`` and right degrees in ``work.name``; count both sides.

    Edges of weight at most `drop` do not count. With `root` at least 0 only rows of that
    component (in ``work.parent``) do. O(nnz + right nodes).
    """
    weighted = values.size > 0
    degrees, kept = work.name, work.kept
    degrees[:] = 0
    n_left = 0
    for row in rows:
        found = False
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            if root >= 0 and not found and _root(work.parent, int(indices[slot])) != root:
                break
            found = True
            degrees[indices[slot]] += 1
        if found:
            kept[n_left] = row
            n_left += 1
    n_right = 0
    for degree in degrees:
        n_right += 1 if degree > 0 else 0
    return n_left, n_right


@kernel
def _copy(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    root: int,
    work: Workspace,
) -> tuple[int, int, int]:
    """Copy a task, or one component of it, into the workspace: its longer side as rows.

    `drop` and `root` choose as in `_tally`. Returns rows, columns and edges of the copy, where
    columns ascend within rows. Two passes. O(nnz + right nodes).
    """
    n_left, n_right = _tally(indptr, indices, values, rows, drop, root, work)
    weighted, turned = values.size > 0, n_left < n_right
    name, kept, copy = work.name, work.kept, work.indptr
    touched = edges = 0
    for column in range(name.size):
        degree = name[column]
        name[column] = touched
        if degree > 0:
            if turned:
                copy[touched] = edges
                edges += degree
            touched += 1
    edges = 0
    for new in range(n_left):
        if not turned:
            copy[new] = edges
        for slot in range(np.uint64(indptr[kept[new]]), np.uint64(indptr[kept[new] + 1])):
            if weighted and values[slot] <= drop:
                continue
            column = name[indices[slot]]
            place = edges
            if turned:
                place = copy[column]
                copy[column] += 1
            work.indices[place] = new if turned else column
            if weighted:
                work.values[place] = values[slot]
            edges += 1
    if not turned:
        copy[n_left] = edges
        return n_left, n_right, edges
    for line in range(n_right, 0, -1):
        copy[line] = copy[line - 1]
    copy[0] = 0
    return n_right, n_left, edges


@kernel
def is_connected(indptr: Ints, indices: Columns, n: int, parent: Ints) -> bool:
    """Whether a CSR matrix without empty rows and columns is one component. O(nnz), often less.

    Union-find over the columns; stops as soon as they are one.
    """
    for column in range(n):
        parent[column] = column
    left = n - 1
    for row in range(indptr.size - 1):
        if left == 0:
            return True
        head = _root(parent, int(indices[indptr[row]]))
        for slot in range(np.uint64(indptr[row]) + ONE, np.uint64(indptr[row + 1])):
            root = _root(parent, int(indices[slot]))
            if root != head:
                parent[max(root, head)] = min(root, head)
                head = min(root, head)
                left -= 1
    return left == 0


@kernel
def _join(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    drop: float,
    parent: Ints,
    norms: Floats,
) -> tuple[int, int]:
    """Union-find over the right nodes of `rows`; count components and edges. O(nnz).

    Edges of weight at most `drop` are left out. `norms` receives every component's squared
    Frobenius norm at its root, and 0 elsewhere.
    """
    weighted = values.size > 0
    parent[:] = -1
    components = edges = 0
    for row in rows:
        head = -1
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            edges += 1
            column = int(indices[slot])
            if parent[column] < 0:
                parent[column] = column
                components += 1
            root = _root(parent, column)
            if head < 0:
                head = root
            elif root != head:
                parent[max(root, head)] = min(root, head)
                head = min(root, head)
                components -= 1
    norms[:] = 0.0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            if weighted and values[slot] <= drop:
                continue
            size = np.float64(values[slot]) if weighted else 1.0
            norms[_root(parent, int(indices[slot]))] += size * size
    return components, edges


@kernel
def _negligible(indptr: Ints, values: Values, rows: Ints) -> float:
    """Weight up to which all edges together have a Frobenius norm below 1e-10 of the largest.

    -1 where there are no weights. O(nnz).
    """
    if values.size == 0:
        return -1.0
    largest = 0.0
    edges = 0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            largest = max(largest, np.float64(values[slot]))
            edges += 1
    return float(1e-10 * largest / np.sqrt(max(edges, 1)))


@kernel
def _components(
    indptr: Ints, indices: Columns, values: Values, rows: Ints, work: Workspace
) -> Pair:
    """Two largest singular values of a task over all its components.

    Components come in the order of their Frobenius norms, which bound their singular values,
    until none can change the result. Weights too small to move a singular value by 1e-10 of the
    largest weight (Weyl) join no components, since a link so weak hides a repeated value. In a
    large layer a component of most edges is solved where it lies: the start vector is zero
    outside of it, and so are all its images.
    """
    drop = _negligible(indptr, values, rows)
    weighted = values.size > 0
    parent, norms = work.parent[: work.name.size], work.norms
    components, edges = _join(indptr, indices, values, rows, drop, parent, norms)
    in_place = edges == indices.size and edges > IN_PLACE
    total = np.sum(norms)
    first = second = residual = 0.0
    converged = True
    for _ in range(components):
        root = int(np.argmax(norms))
        if np.sqrt(norms[root]) <= second:
            break
        if in_place and 2 * norms[root] > total:
            fill_random(work.start[: parent.size], edges)
            for column in range(parent.size):
                if parent[column] < 0 or _root(parent, column) != root:
                    work.start[column] = 0.0
            pair = _solve(indptr, indices, values, parent.size, work)
        else:
            n_rows, n, size = _copy(indptr, indices, values, rows, drop, root, work)
            fill_random(work.start[:n], size)
            copy, columns = work.indptr[: n_rows + 1], work.indices[:size]
            kept = work.values[: size if weighted else 0]
            pair = _solve(copy, columns, kept, n, work)
        norms[root] = 0.0
        second = max(second, min(first, pair.first), pair.second)
        first = max(first, pair.first)
        residual = max(residual, pair.residual)
        converged = converged and pair.converged
    return Pair(first, second, residual, converged)


@kernel
def all_count(values: Values) -> bool:
    """Whether no weight is so small that `_components` would leave its edge out. O(nnz)."""
    if values.size == 0:
        return False
    least = largest = np.float64(values[0])
    for value in values:
        least = min(least, np.float64(value))
        largest = max(largest, np.float64(value))
    return bool(least > 1e-10 * largest / np.sqrt(float(values.size)))


@kernel
def sort_by_degree(indptr: Ints, tally: Ints, order: Ints) -> int:
    """List left nodes by degree. O(left nodes).

    `tally` has room for every degree and the next, and starts as zeros; it ends as the place in
    `order` where every degree begins. Returns the number of left nodes without edges.
    """
    for row in range(indptr.size - 1):
        tally[indptr[row + 1] - indptr[row] + 1] += 1
    for degree in range(tally.size - 1):
        tally[degree + 1] += tally[degree]
    for row in range(indptr.size - 1):
        degree = indptr[row + 1] - indptr[row]
        order[tally[degree]] = row
        tally[degree] += 1
    for degree in range(tally.size - 1, 0, -1):
        tally[degree] = tally[degree - 1]
    tally[0] = 0
    return int(tally[1])


@kernel
def _count_right(indptr: Ints, indices: Columns, rows: Ints, seen: Ints) -> int:
    """Count the right nodes that `rows` touch. O(nnz)."""
    seen[:] = 0
    for row in rows:
        for slot in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            seen[indices[slot]] = 1
    touched = 0
    for mark in seen:
        touched += mark
    return touched


@kernel
def _store(pair: Pair, out: Floats) -> None:
    """Write a pair as two values, the residual, and 1.0 if it converged."""
    out[0] = pair.first
    out[1] = pair.second
    out[2] = pair.residual
    out[3] = 1.0 if pair.converged else 0.0


@kernel
def class_spectra(
    indptr: Ints,
    indices: Columns,
    values: Values,
    rows: Ints,
    starts: Ints,
    stops: Ints,
    first_task: int,
    per_right: int,
    extra: int,
    work: Workspace,
    n_right: Ints,
    out: NDArray[np.float64],
) -> None:
    """Two largest singular values of many tasks: ``rows[starts[t]:stops[t]]`` is task t.

    Tasks before `first_task` are left alone.

    `n_right` receives the right nodes that every task touches. A task but number 0 is solved
    only if it has at least ``per_right * n_right + extra`` edges; otherwise its row is nan. Row
    t of `out` receives both values, the residual and 1.0 if it converged, for the 0/1 matrix
    and, where there are `values`, behind them for the weights. A connected task is copied once
    for both.
    """
    none = values[:0]
    for task in range(first_task, starts.size):
        part = rows[starts[task] : stops[task]]
        n_edges = 0
        for row in part:
            n_edges += indptr[row + 1] - indptr[row]
        n_right[task] = 0
        unweighted = weighted = False
        if n_edges > IN_PLACE:
            n_right[task] = _count_right(indptr, indices, part, work.name)
        elif n_edges > 0:
            n_rows, n, edges = _copy(indptr, indices, values, part, -1.0, -1, work)
            n_right[task] = n_rows + n - part.size
        if task > 0 and n_edges < per_right * n_right[task] + extra:
            out[task] = np.nan
            continue
        if 0 < n_edges <= IN_PLACE:
            copy, columns = work.indptr[: n_rows + 1], work.indices[:edges]
            kept = work.values[: edges if values.size else 0]
            unweighted = is_connected(copy, columns, n, work.parent)
            weighted = unweighted and all_count(kept)
            fill_random(work.start[:n], edges)
            if unweighted and edges == n_rows * n:
                _store(Pair(np.sqrt(float(edges)), 0.0, 0.0, True), out[task])
            elif unweighted:
                _store(_solve(copy, columns, none, n, work), out[task])
            if weighted:
                _store(_solve(copy, columns, kept, n, work), out[task, 4:])
        if not unweighted:
            _store(_components(indptr, indices, none, part, work), out[task])
        if values.size and not weighted:
            _store(_components(indptr, indices, values, part, work), out[task, 4:])
