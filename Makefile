# Short calls of `python -m htr_utils VERB`, which does the work and also runs where make is missing (Windows).
# Another Python: `make PYTHON=python3.12 course`.  The Python that is active instead of .venv: `HTR_NO_VENV=1 make test`.
PYTHON ?= python3
RUN = $(PYTHON) -m htr_utils

.DEFAULT_GOAL := help
.PHONY: help setup course test test-all lab notebooks lint lock latest student solutions slides site bench pagebench tune classroom cards data serve clean

help:       ## what there is
	@$(RUN) --help

setup course test test-all lab notebooks lint lock latest student solutions slides site bench pagebench tune classroom cards:
	@$(RUN) $@ $(ARGS)

data:       ## render the embedded data set again (needs npm for the fonts)
	@$(RUN) data-build $(ARGS)

serve:      ## the web page
	@$(RUN) setup --if-needed
	@$(RUN) serve $(ARGS)

clean:      ## what can be made again quickly: not .venv, no trainings, no sweeps
	rm -rf runs/course runs/slides runs/site runs/export runs/latest
	rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path "./.venv/*" -prune -exec rm -rf {} +
