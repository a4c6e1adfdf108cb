"""Checks that a text has a given form: a pattern for programs, and words for people, who never see the pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema


@dataclass(frozen=True, slots=True)
class Written:
    """A constraint for `Annotated[str, ...]`.

    Args:
        pattern: matches the whole text, alternatives in brackets; editors get it with the JSON Schema.
        words: the form in words, after "must be".
    """

    pattern: str
    words: str

    def check(self, value: str) -> str:
        """Return the text if it has the form.

        Raises:
            ValueError: it does not.
        """
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"must be {self.words}, not {value!r}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Give pydantic the check."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Give editors the pattern."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}
