"""The instructor's tools."""
import sys

# jsonschema, which nbformat and nbval import, imports this package for the formats "iri" and "iri-reference" if it is
# there, and it builds a parser for two seconds each time. Notebooks have neither.
sys.modules.setdefault("rfc3987_syntax", None)
