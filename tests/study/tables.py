"""Tables of made-up networks that the tests of the study share."""

import numpy as np
import pandas as pd


def study_table(seed=0, seeds=3):
    """Make a study in which density drives everything, and only `gap` matters within one."""
    rng = np.random.default_rng(seed)
    rows = []
    for density in (0.02, 0.1, 0.3):
        for method in ("random", "magnitude", "snip", "synflow", "grasp", "phew"):
            quality = rng.normal()
            for number in range(seeds):
                rows.append(
                    {
                        "network": "small",
                        "method": method,
                        "density": density,
                        "seed": number,
                        "kind": "pai",
                        "accuracy": 0.9 + density + 0.02 * quality + 0.002 * rng.normal(),
                        "gap": quality + 0.3 * rng.normal() - 20 * density,
                        "noise": rng.normal(),
                        "paths": 30 * density + rng.normal() * 0.1,
                        "constant": 4,
                    }
                )
    return pd.DataFrame(rows)
