"""Lines and pages rendered from text, fonts and pens."""
