"""The folders of this user: binaries, calibrations, models, the list of running virtual devices.

                    $HARNESS_STATE_DIR set      else (XDG base directories, specifications.freedesktop.org)
    binaries        binaries/                   litert-device-harness/binaries/     in $XDG_DATA_HOME, else ~/.local/share
    calibrations    calibration/                litert-device-harness/calibration/  in $XDG_STATE_HOME, else ~/.local/state
    models          models/                     litert-device-harness/models/       in $XDG_CACHE_HOME, else ~/.cache
    farms           itself                      litert-device-harness/virtual/      in $XDG_STATE_HOME, else ~/.local/state
    own registry    models.yaml                 litert-device-harness/models.yaml   in $XDG_CONFIG_HOME, else ~/.config

Writers make the folders; nothing here does.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

VARIABLE = "HARNESS_STATE_DIR"
"""Environment variable with one folder for everything."""

_XDG = PlatformDirs("litert-device-harness", appauthor=False)


def binaries_folder() -> Path:
    """Return the folder of built, downloaded and imported binaries."""
    own = _own()
    return own / "binaries" if own else _XDG.user_data_path / "binaries"


def calibrations_folder() -> Path:
    """Return the folder with the calibrations of each phone."""
    own = _own()
    return own / "calibration" if own else _XDG.user_state_path / "calibration"


def models_folder() -> Path:
    """Return the folder of converted and fetched models, all of which can be made again."""
    own = _own()
    return own / "models" if own else _XDG.user_cache_path / "models"


def farms_folder() -> Path:
    """Return the folder with records of virtual devices, which outlive the command that started them."""
    return _own() or _XDG.user_state_path / "virtual"


def own_registry_file() -> Path:
    """Return the user's own registry of models, which need not exist."""
    return (_own() or _XDG.user_config_path) / "models.yaml"


def _own() -> Path | None:
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
