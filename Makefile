# Thin: meson.build says how things are made, this file only names what people
# want. On a bare Debian each target does its own set-up first.
#
#   make             build/teelog
#   make demo        an agent's actions, logged, exported, verified, altered
#   make check       every test, in a few minutes; make check-long: the long forms too
#   make bench       what it does on this machine, beside raw signatures and syncs; some
#                    minutes (BENCH_ARGS="--only quotes", witnesses, tiles, since or mcp: half a
#                    minute each)
#   make fuzz        every fuzz target for FUZZ_SECONDS (30)
#   make deb         Debian packages in build/deb; make dist: a reproducible tarball
#   make start       the log, on a simulated platform, with its data in START_DATA (build/start);
#                    SGX=1 make start: in an enclave, through Gramine (deploy/gramine)
#   make install     to PREFIX (/usr/local), below DESTDIR where it is set
#   make clean       removes build/
#
# MESON_ARGS is passed to the first configuration of build/release, for example
# MESON_ARGS=--werror; BENCH_ARGS to bench/bench.py, for example --records 100000.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
MESON_ARGS ?=
BENCH_ARGS ?=
START_DATA ?= build/start
B := build/release

all: build/teelog

$(B)/build.ninja:
	@scripts/install-deps build
	@mkdir -p build
	@meson setup $(B) --prefix=$(PREFIX) $(MESON_ARGS) > build/setup.log 2>&1 || \
		{ cat build/setup.log; exit 1; }

# Always asked for: ninja knows what is out of date.
build/teelog: $(B)/build.ninja FORCE
	@ninja -C $(B) --quiet src/cli/teelog
	@cmp -s $(B)/src/cli/teelog $@ || cp $(B)/src/cli/teelog $@

demo: build/teelog
	@scripts/demo build/teelog

ifeq ($(SGX),1)
start:
	@$(MAKE) -C deploy/gramine start
else
start: build/teelog
	@exec build/teelog serve --data $(START_DATA) --tee sim
endif

check:
	@scripts/check

check-long:
	@TEELOG_LONG=1 scripts/check

bench: build/teelog
	@ninja -C $(B) --quiet bench/raw bench/quotes bench/run bench/get bench/makedcap
	@python3 bench/bench.py build/teelog $(B)/bench $(BENCH_ARGS)

fuzz:
	@scripts/install-deps check
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

dist:
	@scripts/dist

deb:
	@scripts/deb

install: $(B)/build.ninja
	@meson install -C $(B) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build

FORCE:
.PHONY: all demo start check check-long bench fuzz dist deb install clean FORCE
