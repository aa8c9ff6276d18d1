"""Slow, literal PAGS: section 9 of the definitions, one layer and one weight at a time."""

import math


def counted(value, of_coordinates):
    if of_coordinates:
        return value if math.isfinite(value) else 0.0
    return -math.inf if math.isnan(value) else value


def naive_fold(imdb, score, valid, ties, of_coordinates):
    winners = []
    for layer in range(len(imdb[0])):
        best = 0
        for index in range(1, len(imdb)):
            if not valid[index][layer]:
                continue  # never replaces a valid layer; invalid on both sides stays
            gap = counted(imdb[index][layer], True), counted(imdb[best][layer], True)
            value = [counted(score[place][layer], of_coordinates) for place in (index, best)]
            if gap[0] >= gap[1] and value[0] >= value[1]:
                equal = gap[0] == gap[1] and value[0] == value[1]
                if not equal or ties == "published":
                    best = index
        winners.append(best)
    return winners


def naive_best_network(score, of_coordinates):
    values = [[counted(value, of_coordinates) for value in row] for row in score]
    telling = [
        layer
        for layer in range(len(values[0]))
        if not math.isinf(values[0][layer]) or len({row[layer] for row in values}) > 1
    ]
    sums = [sum(float(row[layer]) for layer in telling) for row in values]
    ranked = [-math.inf if math.isnan(value) else value for value in sums]
    return ranked.index(max(ranked))


def naive_repair(kept, standing, count):
    kept = list(kept)
    while sum(kept) > count:
        there = [place for place, keep in enumerate(kept) if keep]
        kept[min(there, key=lambda place: (standing[place], -place))] = False
    while sum(kept) < count:
        absent = [place for place, keep in enumerate(kept) if not keep]
        kept[max(absent, key=lambda place: (standing[place], -place))] = True
    return kept
