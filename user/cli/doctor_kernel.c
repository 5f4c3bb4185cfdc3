/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what the machine has to have, whatever is configured. */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>

#define KERNEL_TESTED 601u /* the oldest that xswan is tested with: Debian 12's */
#define KERNEL_REMEDY "apt install linux-image-$(dpkg --print-architecture) # and reboot"
#define HUGEPAGE_BYTES (2u << 20)
#define FRAME_BYTES 4096u
#define FRAMES_DEFAULT 16384u

void doctor_kernel(struct doctor *d)
{
	const unsigned int version = doctor_kernel_version(d);
	char release[128];

	if (!version) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "/proc/sys/kernel/osrelease cannot be read");
		doctor_remedy(d, "mount -t proc proc /proc");
		return;
	}
	doctor_read_line(d, "/proc/sys/kernel/osrelease", release, sizeof(release));
	doctor_say(d, version < KERNEL_TESTED ? DOCTOR_WARN : DOCTOR_OK, "", "Linux %s%s", release,
		   version < KERNEL_TESTED ? ", older than any that xswan is tested with (6.1)" : "");
	if (version < KERNEL_TESTED)
		doctor_remedy(d, KERNEL_REMEDY);
}

/* The smallest XDP program there is. A descriptor or -errno. */
static int load_program(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "xswan_doctor", "Apache-2.0", insns, 2, NULL);

	return fd < 0 ? -errno : fd;
}

void doctor_bpf(struct doctor *d)
{
	int fd = load_program();

	if (fd >= 0) {
		doctor_say(d, DOCTOR_OK, "", "XDP programs can be loaded");
		close(fd);
	} else if (geteuid()) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "loading a program takes root: %s", strerror(-fd));
		doctor_needs_root(d);
	} else {
		doctor_say(d, DOCTOR_FAIL, "", "an XDP program is not loaded: %s", strerror(-fd));
		if (fd == -EPERM)
			doctor_remedy(d, "cat /sys/kernel/security/lockdown # not confidentiality; and CAP_BPF in this "
					 "container");
		else
			doctor_remedy(d, KERNEL_REMEDY ": with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS");
	}
}

static bool program_is_jited(bool *known)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = load_program(), err = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &len);

	if (fd >= 0)
		close(fd);
	/* with kernel.kptr_restrict the length is hidden, and 0 says nothing */
	*known = !err && info.jited_prog_len;
	return *known;
}

void doctor_bpf_jit(struct doctor *d)
{
	bool known;
	long on;

	if (doctor_sysctl(d, "net/core/bpf_jit_enable", &on)) {
		doctor_say(d, on ? DOCTOR_OK : DOCTOR_WARN, "", "%s",
			   on ? "programs are compiled"
			      : "programs are interpreted, which costs several times as much for each packet");
		if (!on)
			doctor_remedy(d, "sysctl -w net.core.bpf_jit_enable=1");
		return;
	}
	if (program_is_jited(&known)) { /* the sysctl is not in every network namespace */
		doctor_say(d, DOCTOR_OK, "", "programs are compiled");
		return;
	}
	doctor_say(d, DOCTOR_UNKNOWN, "", "net.core.bpf_jit_enable is not to be seen here");
	doctor_remedy(d, "nsenter --net=/proc/1/ns/net sysctl net.core.bpf_jit_enable # should be 1");
}

void doctor_btf(struct doctor *d)
{
	const bool there = doctor_exists(d, "/sys/kernel/btf/vmlinux");

	doctor_say(d, there ? DOCTOR_OK : DOCTOR_WARN, "", "%s",
		   there ? "the kernel describes its types"
			 : "the kernel has no BTF: bpftool shows maps as bytes, not as tables");
	if (!there)
		doctor_remedy(d, KERNEL_REMEDY ": with CONFIG_DEBUG_INFO_BTF");
}

void doctor_bpffs(struct doctor *d)
{
	struct statfs fs;
	char path[256];

	if (!statfs(doctor_path(d, "/sys/fs/bpf", path), &fs) && fs.f_type == BPF_FS_MAGIC) {
		doctor_say(d, DOCTOR_OK, "", "mounted on /sys/fs/bpf");
		return;
	}
	doctor_say(d, DOCTOR_FAIL, "",
		   "no bpf file system on /sys/fs/bpf: the maps and programs have no place to stay");
	doctor_remedy(d, "mount -t bpf bpf /sys/fs/bpf");
}

void doctor_af_xdp(struct doctor *d)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		doctor_say(d, DOCTOR_OK, "", "AF_XDP sockets can be opened");
		close(fd);
	} else if (errno == EPERM) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "an AF_XDP socket takes root");
		doctor_needs_root(d);
	} else {
		doctor_say(d, DOCTOR_FAIL, "", "no AF_XDP socket: %s", strerror(errno));
		doctor_remedy(d, KERNEL_REMEDY ": with CONFIG_XDP_SOCKETS");
	}
}

/* A line of a file in /proc that begins so, as a number of that base. */
static bool read_field(const struct doctor *d, const char *path, const char *name, int base, uint64_t *value)
{
	char full[256], line[256];
	FILE *f = fopen(doctor_path(d, path, full), "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		found = !strncmp(line, name, strlen(name));
		if (found)
			*value = strtoull(line + strlen(name), NULL, base);
	}
	if (f)
		fclose(f);
	return found;
}

/* The packet buffers are pinned, and charged to the process unless it has CAP_IPC_LOCK; keys are locked. */
void doctor_memlock(struct doctor *d)
{
	uint64_t caps, limit = 0;
	char path[64];

	if (!d->dp.pid) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "seen once xswan-dp runs");
		doctor_remedy_start(d, "xswan-dp");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/status", (int)d->dp.pid);
	if (!read_field(d, path, "CapEff:", 16, &caps))
		caps = 0;
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)d->dp.pid);
	if (caps & 1ull << CAP_IPC_LOCK) {
		doctor_say(d, DOCTOR_OK, "", "xswan-dp may lock any amount of memory (CAP_IPC_LOCK)");
	} else if (!read_field(d, path, "Max locked memory", 10, &limit)) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "the limits of xswan-dp cannot be read");
		doctor_needs_root(d);
	} else {
		doctor_say(d, DOCTOR_WARN, "", "xswan-dp has no CAP_IPC_LOCK, and may lock %" PRIu64 " bytes", limit);
		doctor_remedy(
			d,
			"systemctl edit xswan-dp # [Service] CapabilityBoundingSet=CAP_IPC_LOCK LimitMEMLOCK=infinity");
	}
}

void doctor_hugepages(struct doctor *d)
{
	const uint64_t frames = d->configured ? d->conf.frames : FRAMES_DEFAULT;
	const unsigned int wanted = (unsigned int)((frames * FRAME_BYTES + HUGEPAGE_BYTES - 1) / HUGEPAGE_BYTES);
	uint64_t total = 0, unused = 0;
	char start[DOCTOR_COMMAND];

	if (json_is_true(json_object_get(d->dp.ports, "hugepages"))) {
		doctor_say(d, DOCTOR_OK, "", "packet buffers are in huge pages");
		return;
	}
	read_field(d, "/proc/meminfo", "HugePages_Total:", 10, &total);
	read_field(d, "/proc/meminfo", "HugePages_Free:", 10, &unused);
	if (!d->dp.ports && unused >= wanted) {
		doctor_say(d, DOCTOR_OK, "", "%" PRIu64 " huge pages are free, %u are wanted", unused, wanted);
		return;
	}
	doctor_say(d, DOCTOR_WARN, "", "packet buffers are in small pages: %u of 2 MB would do, %" PRIu64 " are free",
		   wanted, unused);
	if (d->dp.pid)
		doctor_remedy(d, "sysctl -w vm.nr_hugepages=%" PRIu64 " && %s", total - unused + wanted,
			      doctor_start(d, "xswan-dp", start));
	else
		doctor_remedy(d, "sysctl -w vm.nr_hugepages=%" PRIu64, total - unused + wanted);
}

/* Is the word in the line of /proc/cpuinfo that x86 calls flags, and ARM Features? */
static bool cpu_has(const char *flags, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = flags; (at = strstr(at, word)); at += len)
		if (at > flags && at[-1] == ' ' && (at[len] == ' ' || !at[len] || at[len] == '\n'))
			return true;
	return false;
}

static void read_flags(const struct doctor *d, char *flags, size_t size)
{
	char path[256];
	FILE *f = fopen(doctor_path(d, "/proc/cpuinfo", path), "re");

	flags[0] = '\0';
	while (f && fgets(flags, (int)size, f))
		if (!strncmp(flags, "flags", 5) || !strncmp(flags, "Features", 8))
			break;
		else
			flags[0] = '\0';
	if (f)
		fclose(f);
}

void doctor_cpu(struct doctor *d)
{
	static const char *const words[] = { "aes", "pclmulqdq", "avx2", "vaes", "avx512f", "pmull", NULL };
	const char *used = json_string_value(json_object_get(d->dp.ports, "crypto"));
	char flags[8192], found[64] = "";
	bool fast;

	read_flags(d, flags, sizeof(flags));
	for (const char *const *w = words; *w; w++)
		if (cpu_has(flags, *w))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", found[0] ? " " : "", *w);
	fast = cpu_has(flags, "aes") && cpu_has(flags, "pclmulqdq") && cpu_has(flags, "avx2");
	if (!cpu_has(flags, "aes")) {
		doctor_say(d, DOCTOR_WARN, "",
			   "the CPU has no instructions for AES: ChaCha20-Poly1305 is the faster cipher");
		doctor_remedy(d, "# swanctl.conf, each child: esp_proposals = chacha20poly1305");
	} else if (used && fast && !strcmp(used, "openssl") && d->configured && !strcmp(d->conf.crypto, "auto")) {
		doctor_say(d, DOCTOR_WARN, "",
			   "crypto by %s: this xswan was built without intel-ipsec-mb, which is faster here (%s)", used,
			   found);
		doctor_remedy(d, "apt install libipsec-mb-dev && make && make install && systemctl restart xswan-dp");
	} else {
		doctor_say(d, DOCTOR_OK, "", "%s%s%s", found, used ? "; crypto by " : "", used ? used : "");
	}
}
