"""Every order in which layers chain, by trying all permutations."""

from itertools import pairwise, permutations


def size_sequences(convolutions, linear):
    """Collect the distinct sequences of sizes: convolutions first, then linear layers.

    Both arguments are lists of (inputs, outputs).
    """
    return {
        (conv, line)
        for conv in set(permutations(convolutions))
        for line in set(permutations(linear))
        if _joined(conv)
        and _joined(line)
        and (not conv or not line or line[0][0] % conv[-1][1] == 0)
    }


def _joined(steps):
    return all(before[1] == after[0] for before, after in pairwise(steps))
