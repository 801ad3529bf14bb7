"""Check files of settings before a library reads them, whose errors would not name the file."""

from pathlib import Path

from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular


def check_env_file(path: Path) -> None:
    """Check that a file of settings can be read.

    Raises:
        ConfigurationError: it is not UTF-8, too large, or closed to this user.
    """
    if not (path.is_file() or path.is_fifo()):  # whatever else is called so is passed over
        return
    try:
        text = read_regular(path).decode()
    except OSError as error:
        raise ConfigurationError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"the settings file {path}, line {line}: this is not UTF-8; save the file as UTF-8"
        ) from None
    if "\0" in text:
        raise ConfigurationError(f"the settings file {path} is no text (it holds a NUL); write it again")
