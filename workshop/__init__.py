"""What maintainers and lecturers run from a clone; in no wheel."""
