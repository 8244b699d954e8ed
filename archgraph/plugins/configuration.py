"""The user's own configuration file: which plugins each command enables."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from archgraph.errors import PluginError, nearest

KEYS = ("plugins",)


def configuration_file() -> Path:
    """Where the file is: `$XDG_CONFIG_HOME/archgraph/config.toml`, by default in `~/.config`; on Windows in
    `%APPDATA%`."""
    usual = "APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME"
    folder = os.environ.get(usual, "")
    return (Path(folder) if folder else Path("~/.config").expanduser()) / "archgraph" / "config.toml"


def configured_plugins() -> tuple[str, ...]:
    """The plugins that the file enables; none where there is no file. Raises PluginError for what makes no sense."""
    path = configuration_file()
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path} cannot be read", received=getattr(error, "strerror", "") or str(error)) from None
    return _plugins(path, _data(path, text))


def _data(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # few have the file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{path} is no TOML", expected='plugins = ["NAME"]', received=str(error)) from None


def _plugins(path: Path, data: dict[str, Any]) -> tuple[str, ...]:
    for key in data:
        if key not in KEYS:
            raise PluginError(f"{path} has no '{key}'", expected='plugins = ["NAME"]', hint=nearest(key, KEYS))
    found = data.get("plugins", [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise PluginError(f"{path}: `plugins` is a list of names", expected='plugins = ["NAME"]', received=repr(found))
    return tuple(dict.fromkeys(found))
