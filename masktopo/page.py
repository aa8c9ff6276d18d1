"""The HTML page of a report: one file that needs no network."""

import base64
import html
import io
from collections.abc import Callable
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from masktopo import __version__
from masktopo.metrics.spectral import COORDINATES
from masktopo.pictures import plot_coordinates, plot_densities

if TYPE_CHECKING:
    from masktopo.report import TopologyReport

__all__ = ["render_page"]

PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p.source, footer { color: #555; overflow-wrap: anywhere; }
.cards { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }
.card { border: 1px solid #ddd; border-radius: 6px; padding: .5rem .9rem; }
.card b { display: block; font-size: 1.2rem; } .card span { color: #555; font-size: .85rem; }
.wide { overflow-x: auto; } .pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e4e4e4;
         white-space: nowrap; }
th:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
thead th { border-bottom: 2px solid #999; }
</style></head><body>
<h1>Topology of a sparse network</h1><p class="source">$source</p>
<div class="cards">$cards</div>
<h2>What to know when reading this</h2><ul>$notes</ul>
$pictures
<h2>Layers</h2><div class="wide">$layers</div>
<h2>Network</h2><div class="wide">$network</div>
<h2>Settings</h2><div class="wide">$settings</div>
<footer><p>Made by masktopo $version. Every column is defined in the documentation's list of
definitions; an empty cell means that the metric is not defined there.</p></footer>
</body></html>
""")

CARDS = {
    "density": "density",
    "nnz": "weights kept",
    "layers": "layers",
    "valid_layers": "layers with valid coordinates",
    "full_spectrum": "full spectrum",
    "log10_paths": "log10 of paths",
    "effective_density": "density on paths",
}


def render_page(report: "TopologyReport") -> str:
    """Render a report as one HTML page; all text that came from files is escaped."""
    source = report.settings["source"]
    network = report.network.map(_number).to_frame("value")
    settings = pd.Series(dict(report.settings)).to_frame("value")
    return PAGE.substitute(
        title=html.escape(f"masktopo: {source}"),
        source=html.escape(source),
        cards="".join(_cards(report)),
        notes="".join(f"<li>{html.escape(note)}</li>" for note in report.notes),
        pictures=_pictures(report.layers),
        layers=_table(report.layers.map(_number)),
        network=_table(network),
        settings=_table(settings),
        version=__version__,
    )


def _cards(report: "TopologyReport") -> list[str]:
    return [
        f'<div class="card"><b>{_number(report.network[name])}</b><span>{label}</span></div>'
        for name, label in CARDS.items()
        if name in report.network and not pd.isna(report.network[name])
    ]


def _table(frame: pd.DataFrame) -> str:
    frame = frame.rename_axis(index=None)
    return frame.to_html(border=0, escape=True)


def _number(value: Any) -> str:
    """Write counts in full and other numbers with four significant digits."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str) or value is None:
        return value or ""
    if np.isnan(value):
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def _pictures(layers: pd.DataFrame) -> str:
    pictures = [_picture(plot_densities, layers, "Density of every layer")]
    if any(name in layers and layers[name].notna().any() for name in COORDINATES):
        pictures.append(_picture(plot_coordinates, layers, "Spectral coordinates of every layer"))
    return f'<div class="pictures">{"".join(pictures)}</div>'


def _picture(draw: Callable[[pd.DataFrame], Any], layers: pd.DataFrame, caption: str) -> str:
    """Draw into memory and return an image tag that carries the picture itself."""
    buffer = io.BytesIO()
    draw(layers).figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(caption)}" src="data:image/svg+xml;base64,{data}">'
