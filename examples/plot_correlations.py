"""Plot how topology goes with accuracy: in our small study, and in the published networks.

Run `masktopo demo` first, then `python examples/plot_correlations.py -o plots`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from masktopo.study.correlate import correlate
from masktopo.study.findings import findings
from masktopo.study.plots import plot_correlations, plot_scatter
from masktopo.study.published import PUBLISHED_METRICS, load_published

OUR_METRICS = ("ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg", "full_spectrum")
OUR_METRICS += ("log10_paths", "effective_nodes", "effective_density")
DATA = Path(os.environ.get("MASKTOPO_DATA", Path(__file__).parents[2] / "shared" / "data"))


def show(df: pd.DataFrame, name: str, metrics: Sequence[str], out: Path, resamples: int) -> None:
    print(f"\n{name.upper()}: {len(df):,} networks")
    alike = [x for x in ("network", "dataset") if x in df and df[x].nunique() > 1]
    cell = [*alike, "method", "density"]  # its seeds are no independent networks
    options = {"metrics": [m for m in metrics if m in df], "resamples": resamples, "cluster": cell}
    mixed = correlate(df, groups=alike, **options)
    fixed = correlate(df, groups=[*alike, "density"], **options)
    print(*findings(mixed), *findings(fixed), sep="\n")

    pooled = fixed[fixed["scope"] != "group"]
    table = pd.concat([mixed, pooled if alike else fixed])
    table.attrs = mixed.attrs
    best = pooled.loc[pooled["coefficient"].abs().idxmax(), "metric"]
    scatter = plot_scatter(df, best, hue=alike[-1] if alike else "density", table=table)
    scatter.figure.savefig(out / f"{name}-scatter.png", dpi=150)
    plot_correlations(table).figure.savefig(out / f"{name}-correlations.png", dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Plot topology against accuracy.")
    parser.add_argument("--ours", type=Path, default=Path("demo/results.csv"))
    parser.add_argument("--published", type=Path, default=DATA / "published-topometrics.csv")
    parser.add_argument("-o", "--out", type=Path, default=Path("plots"))
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    studies = {"ours": (given.ours, pd.read_csv, OUR_METRICS)}
    studies["published"] = (given.published, load_published, PUBLISHED_METRICS)
    for name, (path, read, metrics) in studies.items():
        if path.exists():
            show(read(path), name, metrics, given.out, given.resamples)
        else:
            print(f"{name}: not shown, since there is no {path}")


if __name__ == "__main__":
    main()
