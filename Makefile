# Everything starts here, on a bare Debian or Ubuntu with Python 3.11+:
#   make demo    train, export, build, boot on QEMU, stream the test split, report
#   make test    the whole test suite
#   make fuzz    random networks against PyTorch (N=2000 SEED=0 JOBS=2); failures are left in build/fuzz
#   make mutants small faults in the exporter's core, one at a time: which does no test notice? (JOBS=2)
#   make bench   instructions a word and a MAC of every kernel, exact, on QEMU
#   make lint    ruff, mypy and clang-format, in the versions that pyproject.toml pins
#   make format  Python and C brought into the form that `make lint` asks for
# All set up what they need first: system packages (sudo only if something is missing) and a virtual environment.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := build/demo
export PYTHONDONTWRITEBYTECODE := 1

PACKAGES := gcc libc6-dev python3-venv gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm stm32flash
TOOLS    := gcc arm-none-eabi-gcc qemu-system-arm

.PHONY: help demo test fuzz mutants lint format bench setup system clean

help:
	@sed -n '/^#   make/s/^#   //p' $(firstword $(MAKEFILE_LIST))

demo: setup
	@$(BIN)/xnorc demo --out $(DEMO)

test: setup
	@$(BIN)/python -m pytest -n 2 --strict-tools $(ARGS)

fuzz: setup
	@$(BIN)/python -m tests.fuzz -n $(or $(N),2000) --seed $(or $(SEED),0) --jobs $(or $(JOBS),2) --out build/fuzz --shrink

mutants: setup
	@$(BIN)/python -m tests.mutation --jobs $(or $(JOBS),2) $(ARGS)

lint: setup
	@$(BIN)/ruff check exporter tests && $(BIN)/ruff format --check exporter tests
	@find firmware tests -name '*.[ch]' | xargs $(BIN)/clang-format --dry-run -Werror
	@$(BIN)/mypy

format: setup
	@$(BIN)/ruff check --fix -q exporter tests; $(BIN)/ruff format -q exporter tests
	@find firmware tests -name '*.[ch]' | xargs $(BIN)/clang-format -i

bench: setup
	@$(BIN)/python -m tests.bench.kernels

setup: system $(VENV)/.ready

# Nothing is asked of the administrator unless a tool is really missing.
system:
	@missing=""; for tool in $(TOOLS); do command -v $$tool >/dev/null 2>&1 || missing="$$missing $$tool"; done; \
	$(PYTHON) -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$$missing python3-venv"; \
	command -v arm-none-eabi-gcc >/dev/null 2>&1 && case "$$(arm-none-eabi-gcc -print-file-name=libc.a)" in /*) ;; *) missing="$$missing newlib";; esac; \
	if [ -n "$$missing" ]; then \
	  echo "installing system packages, because these are missing:$$missing"; \
	  if [ "$$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	fi

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "xnorc needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 2; }
	@echo "setting up $(VENV) (torch is a large download the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

clean:
	rm -rf build
