"""A second reader of Holdfast's format, written from docs/format.md and from nothing else of the project."""
