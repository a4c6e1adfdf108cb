"""Files of the host: written whole, locked, appended to, read strictly; and their folders."""
