"""Files and bodies that people and programs write, read so strictly that they mean one thing."""

from bailiwick.documents.json import NotJson, read_json, read_values
from bailiwick.documents.yaml import Document, Path, Value, parse_document

__all__ = [
    "Document",
    "NotJson",
    "Path",
    "Value",
    "parse_document",
    "read_json",
    "read_values",
]
