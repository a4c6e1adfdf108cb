"""Makes strangers' text safe for Markdown."""

from __future__ import annotations

import re

_SPECIAL = frozenset("\\`*[]<>#|~@&$")
_LOOSE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # within a word it is no markup


def escaped(text: str) -> str:
    """Write special characters as numeric references, which GitHub and GitLab show as text everywhere, also in tables."""
    plain = "".join(f"&#{ord(c)};" if c in _SPECIAL else (c if c.isprintable() else " ") for c in text)
    plain = _LOOSE_UNDERSCORE.sub("&#95;", plain)
    # GitHub makes links of addresses even without markup.
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;")
