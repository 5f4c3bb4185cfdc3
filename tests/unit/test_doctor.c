/* SPDX-License-Identifier: Apache-2.0 */
/* `xswan doctor` on machines that are files in a directory, with a canned xswan-ike and a pretended xswan-dp. */
#include <fcntl.h>
#include <sys/file.h>

#include <jansson.h>

#include "../../user/cli/doctor.h"
#include "cli_world.h"

#include "canned_certs.h"
#include "files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* lo is an interface that every machine has; what it is like is said by the files here. */
static const char conf[] = "interfaces {\n"
			   "    wan {\n"
			   "        device = xswnothere\n"
			   "        role = outside\n"
			   "    }\n"
			   "    lan {\n"
			   "        device = lo\n"
			   "        role = inside\n"
			   "    }\n"
			   "}\n";

static struct vici_command commands[COUNT(canned_commands) + 1]; /* and list-certs */

static int begin(void **state)
{
	struct world *w;

	if (files_begin(state) || set_up(state))
		return -1;
	w = *state;
	canned_stop(w->gateway);
	unlink(w->cli.vici_path);
	memcpy(commands + 1, canned_commands, sizeof(canned_commands));
	commands[0] = (struct vici_command){ "list-certs", canned_list_certs };
	w->gateway = canned_start(w->cli.vici_path, commands);
	assert_true(w->gateway > 0);
	w->cli.root = files_dir;
	files_put("xswan.conf", conf);
	return 0;
}

static int end(void **state)
{
	return tear_down(state) || files_end(state);
}

/* Makes the directories before it. */
static void fake(const char *path, const char *text)
{
	char full[256];

	for (size_t i = 1; path[i]; i++)
		if (path[i] == '/') {
			snprintf(full, sizeof(full), "%s%.*s", files_dir, (int)i, path);
			mkdir(full, 0755);
		}
	files_put(path + 1, text);
}

/* ---- an examination ---- */

static json_t *examine(struct world *w)
{
	json_t *all, *check, *checks;
	size_t i;

	assert_in_range(run(w, "doctor", files_dir, "--json", NULL), CLI_OK, CLI_FAILED);
	all = json_loads(w->out, 0, NULL);
	assert_non_null(all);
	checks = json_object_get(all, "checks");
	json_array_foreach(checks, i, check)
	{
		const bool ok = !strcmp(json_string_value(json_object_get(check, "level")), "ok");

		if (ok != json_is_null(json_object_get(check, "remedy")))
			fail_msg("%s has a remedy or lacks one", json_string_value(json_object_get(check, "id")));
	}
	json_incref(checks);
	json_decref(all);
	return checks;
}

static const char *get(const json_t *check, const char *key)
{
	const char *text = json_string_value(json_object_get(check, key));

	return text ? text : "";
}

struct expected {
	const char *id, *subject, *level, *text, *remedy; /* text: a part; remedy: all of it; NULL: any */
};

static void expect(struct world *w, const struct expected *e)
{
	json_t *checks = examine(w), *check;
	bool found = false;
	size_t i;

	json_array_foreach(checks, i, check)
		found |= !strcmp(get(check, "id"), e->id) && !strcmp(get(check, "subject"), e->subject) &&
			 !strcmp(get(check, "level"), e->level) && (!e->text || strstr(get(check, "text"), e->text)) &&
			 (!e->remedy || !strcmp(get(check, "remedy"), e->remedy));
	json_decref(checks);
	if (!found)
		fail_msg("not found: %s '%s' %s '%s' '%s' in\n%s", e->id, e->subject, e->level, e->text ? e->text : "",
			 e->remedy ? e->remedy : "", w->out);
}

/* ---- files of a machine ---- */

static void test_machine(void **state)
{
	static const struct {
		const char *path, *content; /* before it is examined */
		struct expected e;
	} t[] = {
		{ NULL, NULL, { "kernel", "", "unknown", "osrelease", NULL } },
		{ "/proc/sys/kernel/osrelease",
		  "5.10.0-28-amd64\n",
		  { "kernel", "", "warn", "Linux 5.10.0-28-amd64, older",
		    "apt install linux-image-$(dpkg --print-architecture) # and reboot" } },
		{ "/proc/sys/kernel/osrelease",
		  "6.1.0-18-amd64\n",
		  { "kernel", "", "ok", "Linux 6.1.0-18-amd64", NULL } },
		{ "/proc/sys/kernel/osrelease", "7.0.0\n", { "kernel", "", "ok", "Linux 7.0.0", NULL } },
		{ "/proc/sys/net/core/bpf_jit_enable",
		  "0\n",
		  { "bpf-jit", "", "warn", "interpreted", "sysctl -w net.core.bpf_jit_enable=1" } },
		{ "/proc/sys/net/core/bpf_jit_enable", "1\n", { "bpf-jit", "", "ok", "compiled", NULL } },
		{ NULL, NULL, { "btf", "", "warn", "no BTF", NULL } },
		{ "/sys/kernel/btf/vmlinux", "x", { "btf", "", "ok", NULL, NULL } },
		{ NULL, NULL, { "bpffs", "", "fail", "no bpf file system", "mount -t bpf bpf /sys/fs/bpf" } },
		{ NULL, NULL, { "memlock", "", "unknown", "once xswan-dp runs", NULL } },
		{ NULL, NULL, { "hugepages", "", "warn", "0 are free", "sysctl -w vm.nr_hugepages=32" } },
		{ "/proc/meminfo",
		  "HugePages_Total:      10\nHugePages_Free:        4\n",
		  { "hugepages", "", "warn", "32 of 2 MB would do, 4 are free", "sysctl -w vm.nr_hugepages=38" } },
		{ "/proc/meminfo",
		  "HugePages_Total:      40\nHugePages_Free:       32\n",
		  { "hugepages", "", "ok", "32 huge pages are free", NULL } },
		{ NULL, NULL, { "cpu", "", "warn", "no instructions for AES", NULL } },
		{ "/proc/cpuinfo",
		  "processor\t: 0\nflags\t\t: fpu aesthetic vaes\n",
		  { "cpu", "", "warn", "no instructions for AES", NULL } },
		{ "/proc/cpuinfo",
		  "processor\t: 0\nflags\t\t: fpu aes pclmulqdq avx2\n",
		  { "cpu", "", "ok", "aes pclmulqdq avx2", NULL } },
		{ "/proc/cpuinfo",
		  "processor\t: 0\nFeatures\t: fp asimd aes pmull\n",
		  { "cpu", "", "ok", "aes pmull", NULL } },
		{ NULL, NULL, { "interface", "xswnothere", "fail", "no such interface", NULL } },
		{ NULL, NULL, { "forwarding", "", "ok", "no such family", NULL } },
		{ "/proc/sys/net/ipv4/ip_forward",
		  "0\n",
		  { "forwarding", "", "fail", "off", "sysctl -w net.ipv4.ip_forward=1" } },
		{ "/proc/sys/net/ipv4/ip_forward", "1\n", { "forwarding", "", "ok", "on", NULL } },
		{ "/proc/sys/net/ipv4/conf/lo/forwarding",
		  "0\n",
		  { "forwarding", "lo", "fail", "does not forward", "sysctl -w net/ipv4/conf/lo/forwarding=1" } },
		{ "/proc/sys/net/ipv4/conf/lo/forwarding", "1\n", { "forwarding", "", "ok", "on", NULL } },
		{ "/proc/net/ip_tables_names",
		  "filter\n",
		  { "firewall", "", "unknown", "old iptables has rules, too (table filter)", "iptables-legacy -S INPUT" } },
		{ NULL, NULL, { "config", "", "ok", "1 outside, 1 inside", NULL } },
		{ "/xswan.conf",
		  "interfaces {\n    wan {\n        device = \"e\033[31m\"\n    }\n}\n",
		  { "config", "", "fail", "xswan.conf:", NULL } },
		{ NULL, NULL, { "forwarding", "", "unknown", "no interface is known", NULL } },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(t); i++) {
		if (t[i].path)
			fake(t[i].path, t[i].content);
		expect(w, &t[i].e);
		assert_null(strchr(w->out, 033));
	}
}

/* The larger of the two counts. */
static void test_reverse_paths(void **state)
{
	static const struct {
		const char *all, *own, *level;
	} t[] = {
		{ "0", "0", "ok" }, { "1", "0", "fail" }, { "0", "1", "fail" },
		{ "1", "2", "ok" }, { "2", "1", "ok" },   { "0", "2", "ok" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct expected e = { "rp-filter", "xsw0", t[i].level, NULL, NULL };

		if (!strcmp(t[i].level, "fail"))
			e.remedy = "sysctl -w net/ipv4/conf/xsw0/rp_filter=2";
		fake("/proc/sys/net/ipv4/conf/all/rp_filter", t[i].all);
		fake("/proc/sys/net/ipv4/conf/xsw0/rp_filter", t[i].own);
		expect(*state, &e);
	}
}

/* Of a router both must allow that redirects are believed, of a host one; of a router one that they are sent. */
static void test_redirects(void **state)
{
	static const struct {
		const char *router, *all, *own, *all_send, *level, *text;
	} t[] = {
		{ "0", "0", "0", "1", "ok", "neither" },    { "0", "1", "0", "0", "warn", "believes" },
		{ "0", "0", "1", "0", "warn", "believes" }, { "1", "1", "0", "0", "ok", "neither" },
		{ "1", "0", "1", "0", "ok", "neither" },    { "1", "1", "1", "0", "warn", "believes" },
		{ "1", "0", "0", "1", "warn", "sends" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		const struct expected e = { "redirects", "lo", t[i].level, t[i].text, NULL };

		fake("/proc/sys/net/ipv4/conf/lo/forwarding", t[i].router);
		fake("/proc/sys/net/ipv4/conf/all/accept_redirects", t[i].all);
		fake("/proc/sys/net/ipv4/conf/lo/accept_redirects", t[i].own);
		fake("/proc/sys/net/ipv4/conf/all/send_redirects", t[i].all_send);
		fake("/proc/sys/net/ipv4/conf/lo/send_redirects", "0");
		expect(*state, &e);
	}
}

static void test_ports(void **state)
{
	static const struct expected unbound = { "ports", "udp 500, IPv4", "ok", "free", NULL };
	static const struct expected hidden = { "ports", "udp 500, IPv4", "unknown", "not to be seen", NULL };
	static const struct expected held = { "ports", "udp 500, IPv4", "fail", "charon (pid 4242) has it",
					      "kill 4242" };
	static const struct expected other = { "ports", "udp 4500, IPv4", "ok", "free", NULL };
	static const char table[] = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
				    "uid  timeout inode ref pointer drops\n"
				    "  100: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     "
				    "0        0 76 2 0000000000000000 0\n"
				    "  171: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     "
				    "0        0 77 2 0000000000000000 0\n";
	char link[256];

	expect(*state, &unbound);
	fake("/proc/net/udp", table);
	expect(*state, &hidden);
	fake("/proc/4242/comm", "charon\n");
	fake("/proc/4242/fd/0", "");
	files_path(link, "proc/4242/fd/3");
	assert_int_equal(symlink("socket:[770]", link), 0);
	expect(*state, &hidden);
	files_path(link, "proc/4242/fd/4");
	assert_int_equal(symlink("socket:[77]", link), 0);
	expect(*state, &held);
	expect(*state, &other);
}

/* ---- daemons ---- */

static const char ports_json[] =
	"{\"version\":\"0.0.9\",\"workers\":2,\"crypto\":\"openssl\",\"hugepages\":true,\"ports\":["
	"{\"device\":\"xswdp0\",\"role\":\"outside\",\"attach\":\"native\",\"note\":\"\",\"queues\":["
	"{\"queue\":0,\"mode\":\"zero-copy\",\"worker\":0,\"reason\":\"\",\"placement\":\"any CPU\",\"stalls\":0},"
	"{\"queue\":1,\"mode\":\"copy\",\"worker\":1,\"reason\":\"zero-copy refused\",\"placement\":\"CPU "
	"3\",\"stalls\":2}]},"
	"{\"device\":\"xsw0-dp\",\"role\":\"tunnel\",\"attach\":\"native\",\"queues\":[{\"queue\":0,\"mode\":\"copy\","
	"\"worker\":0}]}]}";

/* Holds the lock that a running xswan-dp holds. */
static int pretend_dataplane(struct world *w)
{
	FILE *pid = fopen(w->cli.dp_pid_path, "w"), *ports = fopen(w->cli.ports_path, "w");
	int fd = open(w->cli.dp_pid_path, O_RDWR | O_CLOEXEC);

	assert_true(pid && ports && fd >= 0);
	fprintf(pid, "%d\n", (int)getpid());
	fputs(ports_json, ports);
	fclose(pid);
	fclose(ports);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	return fd;
}

static void test_dataplane(void **state)
{
	static const struct expected all[] = {
		{ "xswan-dp", "", "ok", "2 workers", NULL },
		{ "version", "xswan-dp", "warn", "version 0.0.9, and this program is " XSWAN_VERSION, NULL },
		{ "netns", "xswan-dp", "ok", NULL, NULL },
		{ "hugepages", "", "ok", "in huge pages", NULL },
		{ "queue", "xswdp0 queue 0", "ok", "zero-copy, worker 0", NULL },
		{ "queue", "xswdp0 queue 1", "warn", "zero-copy refused; stalled and kicked 2 times", NULL },
		{ "interface", "xswdp0", "fail", "no such interface", NULL },
		{ "cpu", "", "warn", "without intel-ipsec-mb", NULL },
	};
	static const struct expected stopped = { "xswan-dp", "", "fail", "not running", NULL };
	int fd = pretend_dataplane(*state);

	fake("/proc/cpuinfo", "flags\t\t: aes pclmulqdq avx2 vaes\n");
	for (size_t i = 0; i < COUNT(all); i++)
		expect(*state, &all[i]);
	close(fd);
	expect(*state, &stopped);
}

static void test_ike(void **state)
{
	static const struct expected all[] = {
		{ "xswan-ike", "", "ok", "up 2 hours, 4 IKE SAs", NULL },
		{ "version", "xswan-ike", "warn", "version 9.9.9", NULL },
		{ "nat", "", "ok", "of 4 IKE SAs a NAT is here in 0, at the peer in 2; UDP forced in 0", NULL },
		{ "path-mtu", "", "ok", "1 Child SA, the narrowest path 1400", NULL },
		{ "certificate", "CN=gw,C=CH", "fail", "over since",
		  "xswan -i no-such-instance apply # once a new one is in x509/gw.pem" },
		{ "certificate", "CN=ca,C=CH", "ok", "days left", NULL },
		{ "policy", "", "unknown", "no maps of this instance", NULL },
	};
	static const struct expected gone[] = {
		{ "xswan-ike", "", "fail", "not running", NULL },
		{ "certificate", "", "unknown", "does not answer", NULL },
		{ "route-peer", "", "unknown", "does not answer", NULL },
		{ "route-remote", "", "unknown", "does not answer", NULL },
		{ "path-mtu", "", "unknown", "does not answer", NULL },
		{ "nat", "", "unknown", "does not answer", NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(all); i++)
		expect(w, &all[i]);
	canned_stop(w->gateway);
	w->gateway = 0;
	for (size_t i = 0; i < COUNT(gone); i++)
		expect(w, &gone[i]);
}

/* ---- how it is told ---- */

static void test_text(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "doctor", files_dir, NULL), CLI_FAILED);
	assert_non_null(strstr(w->out, "\nmachine\n"));
	assert_non_null(strstr(w->out, "\n  fail    bpffs         no bpf file system on /sys/fs/bpf: "));
	assert_non_null(strstr(w->out, "\n            mount -t bpf bpf /sys/fs/bpf\n"));
	assert_null(strchr(w->out, 033));
	assert_int_equal(run(w, "doctor", files_dir, "--color=always", NULL), CLI_FAILED);
	assert_non_null(strstr(w->out, "\n  \033[31mfail   \033[0m bpffs "));
	assert_int_equal(run(w, "doctor", files_dir, "--json", "--color=always", NULL), CLI_FAILED);
	assert_null(strchr(w->out, 033));
}

/* Names are there to be relied upon, and areas are headings. */
static void test_table(void **state)
{
	for (const struct doctor_check *c = doctor_checks; c->id; c++) {
		assert_true(strlen(c->id) <= 12);
		assert_int_equal(strspn(c->id, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(c->id));
		for (const struct doctor_check *o = c + 1; o->id; o++) {
			assert_string_not_equal(c->id, o->id);
			if (!strcmp(c->area, o->area))
				assert_string_equal(c->area, o[-1].area);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_machine, begin, end),
		cmocka_unit_test_setup_teardown(test_reverse_paths, begin, end),
		cmocka_unit_test_setup_teardown(test_redirects, begin, end),
		cmocka_unit_test_setup_teardown(test_ports, begin, end),
		cmocka_unit_test_setup_teardown(test_dataplane, begin, end),
		cmocka_unit_test_setup_teardown(test_ike, begin, end),
		cmocka_unit_test_setup_teardown(test_text, begin, end),
		cmocka_unit_test(test_table),
	};

	int failed;

	canned_certs_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	pki_free(&canned_pki);
	return failed;
}
