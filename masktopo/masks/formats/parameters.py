"""Which parameter an entry of a state dict keeps the values of."""

import re

from masktopo.masks.formats.parametrized import ORIGINAL

__all__ = ["parameter_of"]

_HOOKED = re.compile(r"(?P<path>(?:.+\.)?)(?P<slot>\w*weight)_orig")


def parameter_of(key: str) -> str:
    """Return the path of the parameter whose values an entry keeps.

    Examples
    --------
    >>> parameter_of("fc.parametrizations.weight.original"), parameter_of("fc.weight_orig")
    ('fc.weight', 'fc.weight')
    """
    match = ORIGINAL.fullmatch(key) or _HOOKED.fullmatch(key)
    return match["path"] + match["slot"] if match else key
