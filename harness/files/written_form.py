"""A text that must be written in some form: a pattern for programs, and words for people, who are never shown the pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema


@dataclass(frozen=True, slots=True)
class Written:
    """Stands behind `str` in `Annotated`.

    Args:
        pattern: what all of the text must match, alternatives in brackets; editors get it with the JSON Schema.
        words: the same for people, behind "must be".
    """

    pattern: str
    words: str

    def check(self, value: str) -> str:
        """Let a text pass that is written so.

        Raises:
            ValueError: it is not.
        """
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"must be {self.words}, not {value!r}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """What pydantic checks."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What editors check."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}
