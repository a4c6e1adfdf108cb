"""Files of the host: written whole or not at all, locked, appended to, read strictly; and where they lie."""
