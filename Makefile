# make run     start the box with its defaults: DICOM on port 11112, objects under ./var; Ctrl-C stops it
# make setup   only install: .venv/bin/edge
# make test    install what the tests need, and run them
# make program    package the program for PROCESSOR (amd64, arm64) into build/program; needs root
# make deb        the Debian package for PROCESSOR and RELEASE (bookworm, trixie) into build/deb; needs root
# make bench   measure against other DICOM software, and print the table
# make bench-codecs  the same for the codecs
# make bench-link    the same for long and thin lines; needs root, takes half an hour
# make torture power cuts, kills, bad links and hostile peers for MINUTES=60; prints a table at the end (whole: 180)
# make image BOARD=qemu-amd64  make the image of a board in build/image/; needs root (image-build/README.md)
# make image-test    boot images in emulated machines, and try what only a whole machine shows; at most 12 minutes
# make clean   remove what was installed and built; ./var stays, it may hold objects

PYTHON ?= python3
PIP_FLAGS ?= -q
MINUTES ?= 60
# What make program and make deb are for: amd64, arm64.
PROCESSOR ?= $(shell dpkg --print-architecture)
RELEASE ?= trixie
# Tests at a time: one more than processors, as most of them wait now and then.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))

VENV := .venv
TUS := tests/interop/tus
BROWSER := tests/browser
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install $(PIP_FLAGS)
NATIVE := setup.py native/build.py native/bound/build.py \
    $(wildcard native/include/*.h native/src/*.[ch] native/bound/*.[ch] native/bound/*.cpp)
# The interpreter's own headers: without them the C extension is left out, which the last line of the set-up says.
HEADERS = $$($(PY) -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
.PHONY: run setup test program deb image image-packages image-test bench bench-codecs bench-link torture clean
.DELETE_ON_ERROR:

run: $(VENV)/setup.stamp
	@exec $(VENV)/bin/edge serve

setup: $(VENV)/setup.stamp
	@echo "set up: $(VENV)/bin/edge (make run starts the box)"

# A box and a command are started a thousand times: each would compile all of edge where nothing may be kept.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/test.stamp
	@$(PY) -m compileall -q edge
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

program: $(VENV)/setup.stamp
	@sh .ci/debian "make program" $$(sed -e 's/ .*//' -e '/^#/d' image-build/debian-packages)
	@image-build/program/build $(PROCESSOR) build/program

deb: $(VENV)/setup.stamp
	@sh .ci/debian "make deb" $$(sed -e 's/ .*//' -e '/^#/d' image-build/debian-packages)
	@image-build/deb/build $(PROCESSOR) $(RELEASE) build/deb

bench: $(VENV)/test.stamp
	@$(PY) -m tests.bench

bench-codecs: $(VENV)/test.stamp
	@$(PY) -m tests.bench.codecs

bench-link: $(VENV)/test.stamp
	@$(PY) -m tests.bench.link

torture: $(VENV)/test.stamp
	@$(PY) -m tests.torture --minutes $(MINUTES)

image-packages:
	@sh .ci/debian "an image" $$(sed -e 's/ .*//' -e '/^#/d' image-build/debian-packages)

image: $(VENV)/setup.stamp image-packages
	@test -n "$(BOARD)" || { echo "which board? make image BOARD=... of: $$(ls image-build/lock | sed 's/-[a-z0-9]*\.txt//' | tr '\n' ' ')" >&2; exit 2; }
	@image-build/build $(BOARD)

IMAGES := $(foreach board,qemu-amd64 qemu-arm64,build/image/$(board)/edge-$(board).img)

$(IMAGES): build/image/%: | $(VENV)/setup.stamp image-packages
	@image-build/build $(notdir $(@D)) --no-download

# The longest first: two machines are emulated at a time.
CHECKS := $(patsubst %,image-build/checks/test_%.py,update amd64 power arm64)

image-test: $(VENV)/test.stamp image-packages $(IMAGES)
	@$(PY) -m pytest $(CHECKS) --numprocesses 2 --dist loadfile --no-loadscope-reorder

clean:
	rm -rf $(VENV) $(TUS)/node_modules $(BROWSER)/node_modules build dist *.egg-info edge/_*.so .pytest_cache .hypothesis
	find edge tests native -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "edge needs Python 3.11 or later; $(PYTHON) is not: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh .ci/debian "the set-up" python3-venv
	@echo "setting up .venv (once)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/setup.stamp: $(VENV)/pyvenv.cfg pyproject.toml $(NATIVE)
	@case "$(HEADERS)" in /usr/include/*) \
	    test -e "$(HEADERS)/Python.h" || sh .ci/debian "the C extension" python3-dev || true;; esac
	@$(PY) native/bound/build.py --packages | while read -r what packages; do \
	    sh .ci/debian "$$what" $$packages </dev/null || true; done
	@$(PIP) $$($(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	@$(PIP) --no-build-isolation -e .
	@$(PY) native/build.py
	@$(PY) native/bound/build.py
	@touch $@

# npm comes with some builds of node, with which Debian's package of it cannot be installed.
$(VENV)/test.stamp: $(VENV)/setup.stamp .ci/debian-packages $(TUS)/package-lock.json $(BROWSER)/package-lock.json
	@sh .ci/debian "make test" $$(sed -e 's/ .*//' -e '/^#/d' .ci/debian-packages)
	@command -v npm >/dev/null || sh .ci/debian "make test" npm
	@echo "installing the tus peers, and what drives a browser (once)"
	@for each in $(TUS) $(BROWSER); do \
	    (cd $$each && npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error >/dev/null) || exit 1; done
	@echo "installing the test packages (once)"
	@$(PIP) --no-build-isolation -e '.[test]'
	@touch $@
