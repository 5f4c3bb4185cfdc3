# SPDX-License-Identifier: Apache-2.0
# make, make check (needs root), make bench, make fuzz, make install DESTDIR=, make deb, make clean; V=1 shows commands.

VERSION  := $(shell cat VERSION)
PREFIX   ?= /usr
SYSCONF  ?= /etc
B        ?= build

CC       ?= gcc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

PROGRAMS := xswan-dp xswan-ike xswan xswan-exporter
BPF      := xswan.bpf.o nexthop.bpf.o

# library: sources. Arrows point one way: the programs use these, never each other.
LIB      := $(wildcard user/lib/*.c)
IKE      := $(filter-out user/ike/main.c,$(wildcard user/ike/*.c))
DP       := $(filter-out user/dp/main.c,$(wildcard user/dp/*.c))
VICI     := $(wildcard user/vici/*.c)
CLI      := $(filter-out user/cli/main.c,$(wildcard user/cli/*.c))
EXPORTER := $(filter-out user/exporter/main.c,$(wildcard user/exporter/*.c))

xswan-dp.src       := user/dp/main.c $(DP) $(LIB)
xswan-ike.src      := user/ike/main.c $(IKE) $(VICI) $(LIB)
xswan.src          := user/cli/main.c $(CLI) $(VICI) $(LIB)
xswan-exporter.src := user/exporter/main.c $(EXPORTER) $(VICI) $(LIB)

# tests: one program per tests/*/test_*.c, linked with what it tests
TESTS.unit := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TESTS.bpf  := $(patsubst tests/bpf/%.c,%,$(wildcard tests/bpf/test_*.c))
TESTS.ike  := $(patsubst tests/ike/%.c,%,$(wildcard tests/ike/test_*.c))
HELPERS    := $(patsubst tests/%.c,%,$(wildcard tests/tools/*.c))
# benchmarks: tests/bench/bench_*.c are programs, the other files there are part of each
BENCHES    := $(patsubst tests/%.c,%,$(wildcard tests/bench/bench_*.c))
BENCH      := $(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c))

# fuzz targets: one program per tests/fuzz/fuzz_*.c, and what they reach, built by clang with sanitizers
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

PKGS     := libbpf libxdp libcrypto libevent libevent_pthreads liburcu-qsbr libmnl libcap-ng libseccomp jansson
# used where there is one: libsystemd for the journal, intel-ipsec-mb for ciphers
HAVE_SD  := $(shell pkg-config --exists libsystemd && echo yes)
HAVE_MB  := $(shell printf '\#include <intel-ipsec-mb.h>\n' | $(CC) -E -xc - >/dev/null 2>&1 && echo yes)

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter -Werror
CFLAGS   ?= -O2 -g
PKGS     += $(if $(HAVE_SD),libsystemd)
CPPFLAGS += -Iinclude -D_GNU_SOURCE -DXSWAN_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS)) $(if $(HAVE_MB),-DHAVE_IPSEC_MB) $(if $(HAVE_SD),-DHAVE_SYSTEMD)
CPPFLAGS += -DXSWAN_BPF_DIR='"$(PREFIX)/lib/xswan"'
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS)
LDLIBS   := $(shell pkg-config --libs $(PKGS)) $(if $(HAVE_MB),-lIPSec_MB) -lpthread -lm
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,--as-needed

BPFFLAGS := -O2 -g -Wall -Werror -target bpf -mcpu=v3 -Iinclude -Ivmlinux

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

.PHONY: all check check-build bench fuzz fuzz-build install deb clean force
.SECONDARY:
all: $(PROGRAMS:%=$(B)/%) $(BPF:%=$(B)/%)

objects = $(patsubst %.c,$(B)/%.o,$(1))

$(B)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/xswan/*.h vmlinux/*.h) | $(B)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPFFLAGS) -c $< -o $(B)/$*.tmp.o
	$(Q)$(BPFTOOL) gen object $@ $(B)/$*.tmp.o && rm $(B)/$*.tmp.o

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# What every object depends on: compiled in are the version, PREFIX and which libraries there are.
$(B)/flags: force | $(B)
	$(Q)echo '$(CC) $(subst ','\'',$(CPPFLAGS) $(ALL_CFLAGS))' | cmp -s - $@ || echo '$(CC) $(subst ','\'',$(CPPFLAGS) $(ALL_CFLAGS))' >$@

# the engine with keys exported for a protocol analyser, and faults by name: never installed
$(B)/keylog/%.o: %.c $(B)/flags
	$(call say,CC,"$< (keylog)")
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -DXSWAN_KEYLOG -DXSWAN_IMPAIR $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define program
$(B)/$(1): $(call objects,$($(1).src))
	$$(call say,LD,$$@)
	$(Q)$(CC) $(LDFLAGS) $$^ $(LDLIBS) -o $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(B)/xswan-ike-keylog: $(patsubst %.c,$(B)/keylog/%.o,$(xswan-ike.src))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# everything but the programs' main.c, for tests
$(B)/libxswan.a: $(call objects,$(LIB) $(IKE) $(DP) $(VICI) $(CLI) $(EXPORTER))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/keylog/libxswan.a: $(patsubst %.c,$(B)/keylog/%.o,$(LIB) $(IKE) $(VICI))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/ike/test_impair: $(B)/keylog/tests/ike/test_impair.o $(B)/keylog/libxswan.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(B)/tests/%: $(B)/tests/%.o $(B)/libxswan.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $< $(B)/libxswan.a $(LDLIBS) -lcmocka -o $@

$(BENCHES:%=$(B)/tests/%): %: %.o $(call objects,$(BENCH)) $(B)/libxswan.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(B)/tests/bench/bench_bpf $(B)/tests/bench/bench_ike: LDLIBS += -lcmocka

test-programs := $(foreach d,unit bpf ike,$(TESTS.$(d):%=$(B)/tests/$(d)/%)) $(HELPERS:%=$(B)/tests/%) $(BENCHES:%=$(B)/tests/%)
check-build: all $(B)/xswan-ike-keylog $(test-programs)

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
$(B)/fuzz/%.o: %.c $(B)/flags
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(CPPFLAGS) -std=gnu11 -O1 -g -w $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(B)/fuzz/libxswan.a: $(patsubst %.c,$(B)/fuzz/%.o,$(LIB) $(DP) $(IKE) $(VICI))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ:%=$(B)/fuzz/%): $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(B)/fuzz/libxswan.a
	$(call say,LD,$@)
	$(Q)$(CLANG) $(SANITIZE) -fsanitize=fuzzer $^ $(LDLIBS) -lcmocka -o $@

fuzz-build: $(FUZZ:%=$(B)/fuzz/%)

# until it is interrupted, or something is found; make fuzz TARGET=esp_open for one of them
fuzz: fuzz-build
	$(Q)tests/fuzz/run.sh $(TARGET)

check: check-build
	$(Q)tests/run.sh

bench: check-build
	$(Q)tests/bench/run.sh $(SUITE)

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/xswan $(DESTDIR)$(SYSCONF)/xswan/conf.d
	install -m 755 $(PROGRAMS:%=$(B)/%) $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 $(BPF:%=$(B)/%) $(DESTDIR)$(PREFIX)/lib/xswan/
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 docs/man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 scripts/completion/xswan $(DESTDIR)$(PREFIX)/share/bash-completion/completions/
	install -d $(DESTDIR)$(PREFIX)/share/doc/xswan/monitoring
	install -m 644 docs/monitoring/* $(DESTDIR)$(PREFIX)/share/doc/xswan/monitoring/
ifneq ($(SYSTEMD),no)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 644 scripts/systemd/*.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -d $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 644 scripts/systemd/xswan.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/xswan.conf
endif

# Debian packages, in build/deb
deb:
	$(Q)scripts/deb.sh

clean:
	rm -rf $(B)

$(B):
	$(Q)mkdir -p $@

-include $(shell find $(B) -path $(B)/deb -prune -o -name '*.d' -type f -print 2>/dev/null)
