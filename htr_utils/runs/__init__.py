"""Runs of chapters by papermill, sweeps of runs, their records."""
