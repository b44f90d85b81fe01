# Two commands do everything on a fresh machine: `make demo` runs the quickstart, `make test` the tests.
.PHONY: demo test check setup clean

PYTHON = .venv/bin/python
RUN ?= runs/demo

setup:
	@scripts/setup

demo: setup
	$(PYTHON) -m sparring train --config deploy/runs/quickstart.toml --run $(RUN) --fresh

check: setup
	@scripts/check

test: setup
	@scripts/check
	$(PYTHON) -m pytest -m "service and not gpu" -q

clean:
	rm -rf .venv build
