"""The description that a package index shows: the README without what only a clone has.

Pictures and relative links lead nowhere outside the repository, and it has no public address yet.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Description(MetadataHookInterface):
    """Hands the description to the build."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the metadata's ``readme``."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": plain(readme)}


def plain(markdown: str) -> str:
    """Return Markdown without comments, pictures and relative links; a link's words stay."""
    text = re.sub(r"<!--.*?-->\n?", "", markdown, flags=re.DOTALL)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)\n?", "", text)
    text = re.sub(r"\[([^]]+)\]\((?![a-z]+:)[^)]*\)", r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", text)
