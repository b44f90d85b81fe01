# Two commands do everything on a fresh machine: `make demo` runs the quickstart, `make test` the tests.
.PHONY: demo test test-slow check setup clean

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
	$(PYTHON) -m pytest -m "service and not gpu and not slow" -q

# Minutes each: Ray clusters in network namespaces, one with a cable that is cut.
test-slow: setup
	$(PYTHON) -m pytest -m "slow and not gpu" -q

clean:
	rm -rf .venv build
