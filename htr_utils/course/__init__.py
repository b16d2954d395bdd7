"""What only the notebooks and their runs need."""
