"""Slow, literal PAGS: section 9 of the definitions, one layer and one weight at a time."""

import math


def naive_fold(imdb, score, valid, ties):
    def number(value):
        return value if math.isfinite(value) else 0.0

    winners = []
    for layer in range(len(imdb[0])):
        best = 0
        for index in range(1, len(imdb)):
            if not valid[index][layer]:
                continue  # never replaces a valid layer; invalid on both sides stays
            gap = number(imdb[index][layer]), number(imdb[best][layer])
            value = number(score[index][layer]), number(score[best][layer])
            if gap[0] >= gap[1] and value[0] >= value[1]:
                equal = gap[0] == gap[1] and value[0] == value[1]
                if not equal or ties == "published":
                    best = index
        winners.append(best)
    return winners


def naive_best_network(score):
    means = []
    for values in score:
        counted = [value if math.isfinite(value) else 0.0 for value in values]
        means.append(sum(counted) / len(counted))
    return means.index(max(means))


def naive_repair(kept, standing, count):
    kept = list(kept)
    while sum(kept) > count:
        there = [place for place, keep in enumerate(kept) if keep]
        kept[min(there, key=lambda place: (standing[place], -place))] = False
    while sum(kept) < count:
        absent = [place for place, keep in enumerate(kept) if not keep]
        kept[max(absent, key=lambda place: (standing[place], -place))] = True
    return kept
