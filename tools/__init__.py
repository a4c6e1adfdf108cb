"""Commands for the project itself. None of them is part of the installed package."""
