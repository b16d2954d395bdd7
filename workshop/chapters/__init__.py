"""Chapters from their source to executed notebooks, and back."""
