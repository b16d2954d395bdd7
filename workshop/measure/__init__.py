"""Measurements, and the reports that write into `docs/`."""
