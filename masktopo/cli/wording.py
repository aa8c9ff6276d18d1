"""What messages of the library say of Python arguments, in the words of the command line."""

import re
from collections.abc import Collection

__all__ = ["in_options"]

_ARGUMENT = re.compile(r"\b([a-z_]+)=(?:True\b|(?=[\s.,;)]|$))")


def in_options(text: str, arguments: Collection[str]) -> str:
    """Write ``name=True`` and ``name=`` as ``--name``, for the arguments that a command has.

    Examples
    --------
    >>> in_options("pass allow_dense=True or weights=.", {"allow_dense"})
    'pass --allow-dense or weights=.'
    """

    def option(found: re.Match[str]) -> str:
        name = found[1]
        return f"--{name.replace('_', '-')}" if name in arguments else found[0]

    return _ARGUMENT.sub(option, text)
