"""Random graphs with a layer's edge count, or with both its degree sequences.

The weights of a layer form a matrix of output rows by input columns, and a graph is a bitmap of
it: bit ``row * width + column``, counted from the lowest bit of the first byte, is an edge. Rows
of a group of a grouped layer are consecutive, and edges never leave their group.

A bitmap is an eighth of the dense mask that the caller holds anyway, and at densities near 0.01
as small as a hash table of the edges would be: so there is no hash table. Randomness is
splitmix64 from a state that the caller draws.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["choose_edges", "has_legal_swap", "list_edges", "swap_edges"]

Bits = NDArray[np.uint8]
Ends = NDArray[np.unsignedinteger]
Ints = NDArray[np.int64]

STEP = np.uint64(0x9E3779B97F4A7C15)
"""What the state of splitmix64 grows by at every number."""


@kernel
def _scramble(state: np.uint64) -> np.uint64:
    """Return the random number of a splitmix64 state. O(1)."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _has(bits: Bits, place: np.uint64) -> bool:
    """Whether the bit is set. O(1)."""
    return bool((bits[place >> np.uint64(3)] >> (place & np.uint64(7))) & np.uint64(1))


@kernel
def _flip(bits: Bits, place: np.uint64) -> None:
    """Turn the bit over. O(1)."""
    bits[place >> np.uint64(3)] ^= np.uint8(np.uint64(1) << (place & np.uint64(7)))


@kernel
def list_edges(bits: Bits, places: Ints) -> None:
    """Write the places of all set bits in ascending order. O(bytes + edges)."""
    found = 0
    for byte in range(bits.size):
        rest = bits[byte]
        bit = 8 * byte
        while rest != 0:
            if rest & 1:
                places[found] = bit
                found += 1
            rest >>= 1
            bit += 1


@kernel
def has_legal_swap(
    rows: Ends, columns: Ends, bounds: Ints, n_rows: int, n_columns: int, legal: NDArray[np.bool_]
) -> None:
    """Decide for every group whether a swap can change it.

    Group g holds edges ``bounds[g]:bounds[g + 1]``. A bipartite graph has no legal swap exactly
    when its neighbourhoods are nested, and then its column degrees are the conjugate partition
    of its row degrees (Gale and Ryser: it is the only graph of its degrees). Conjugates are
    compared as multisets. O(edges + groups * nodes); `n_rows` and `n_columns` are of all groups.
    """
    row_degrees = np.zeros(n_rows, np.int64)
    column_degrees = np.zeros(n_columns, np.int64)
    least = np.zeros(n_columns + 1, np.int64)
    balance = np.zeros(n_rows + 1, np.int64)
    for group in range(bounds.size - 1):
        start, stop = bounds[group], bounds[group + 1]
        for edge in range(start, stop):
            row_degrees[rows[edge]] += 1
            column_degrees[columns[edge]] += 1
        # `least[d]` rows have degree d; summed from above, at least d: the conjugate's parts.
        for edge in range(start, stop):
            if row_degrees[rows[edge]] > 0:
                least[row_degrees[rows[edge]]] += 1
                row_degrees[rows[edge]] = 0
        at_least = 0
        for degree in range(n_columns, 0, -1):
            at_least += least[degree]
            balance[at_least] += 1
            least[degree] = 0
        for column in range(n_columns):
            balance[column_degrees[column]] -= 1
            column_degrees[column] = 0
        legal[group] = False
        for size in range(1, n_rows + 1):
            if balance[size] != 0:
                legal[group] = True
        balance[:] = 0


@kernel
def swap_edges(
    rows: Ends,
    columns: Ends,
    bounds: Ints,
    width: int,
    bits: Bits,
    wanted: Ints,
    tries: Ints,
    state: np.uint64,
    accepted: Ints,
) -> None:
    """Walk every group through graphs of its degrees; `columns` and `bits` change in place.

    An attempt exchanges the columns of two random edges, unless an edge would then appear twice
    (edges that share a node propose what exists already, so that test refuses them too). Group g
    makes ``wanted[g]`` accepted swaps, or stops after ``tries[g]`` attempts, and then takes as
    many further attempts as it has edges, at least 1000. For a walk that stops just after an
    accepted swap favours graphs with many legal swaps; attempts whose refusals count as steps
    lead to the uniform distribution, since a swap is as likely as its reverse. `accepted`
    receives the swaps made. Up to 2**32 edges a group. O(1) per attempt.
    """
    # All in one loop: handing arrays to a kernel of its own made an attempt five times slower.
    across, half, low = np.uint64(width), np.uint64(32), np.uint64(0xFFFFFFFF)
    one, three, seven = np.uint64(1), np.uint64(3), np.uint64(7)
    for group in range(bounds.size - 1):
        accepted[group] = 0
        n_edges = bounds[group + 1] - bounds[group]
        if wanted[group] == 0 or n_edges == 0:
            continue
        start, size = np.uint64(bounds[group]), np.uint64(n_edges)
        rest = max(n_edges, 1000)
        done = attempts = 0
        while rest > 0:
            if done >= wanted[group] or attempts >= tries[group]:
                rest -= 1
            attempts += 1
            state += STEP
            random = _scramble(state)
            first = start + (((random >> half) * size) >> half)
            second = start + (((random & low) * size) >> half)
            row_a, row_b = np.uint64(rows[first]) * across, np.uint64(rows[second]) * across
            column_a, column_b = np.uint64(columns[first]), np.uint64(columns[second])
            new_a, new_b = row_a + column_b, row_b + column_a
            taken_a = np.uint64(bits[new_a >> three]) >> (new_a & seven)
            taken_b = np.uint64(bits[new_b >> three]) >> (new_b & seven)
            if (taken_a | taken_b) & one:
                continue
            old_a, old_b = row_a + column_a, row_b + column_b
            bits[old_a >> three] ^= np.uint8(one << (old_a & seven))
            bits[old_b >> three] ^= np.uint8(one << (old_b & seven))
            bits[new_a >> three] ^= np.uint8(one << (new_a & seven))
            bits[new_b >> three] ^= np.uint8(one << (new_b & seven))
            columns[first], columns[second] = np.uint32(column_b), np.uint32(column_a)
            done += 1
        accepted[group] = done


@kernel
def choose_edges(counts: Ints, size: int, bits: Bits, state: np.uint64) -> None:
    """Set ``counts[g]`` random bits among the `size` places of every group g.

    All subsets of that many places are equally likely: places are drawn until enough differ,
    which for a group that is more than half full are those that stay empty. `bits` starts as
    zeros. O(edges), and O(size) for fuller groups.
    """
    wide, spare = np.uint64(size), 0
    while spare < 63 and (size - 1) >> (63 - spare) == 0:
        spare += 1
    shift = np.uint64(spare)
    for group in range(counts.size):
        base = np.uint64(group) * wide
        missing = counts[group]
        if 2 * counts[group] > size:
            for bit in range(size):
                _flip(bits, base + np.uint64(bit))
            missing = size - counts[group]
        full = 2 * counts[group] > size
        while missing > 0:
            state += STEP
            place = _scramble(state) >> shift
            if place < wide and _has(bits, base + place) == full:
                _flip(bits, base + place)
                missing -= 1
