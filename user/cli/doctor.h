/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `xswan doctor`: looks at the machine, the network and both daemons as an operator would who has been called, and says
 * of each thing whether it is as it should be, and if not, the command that makes it so.
 *
 * A check is a name that stays and a function, in the table of doctor.c. It says what it found once, or for each of
 * several subjects (an interface, a queue, a peer), and nothing where there is nothing that it is about. Each area has
 * a file.
 */
#ifndef XSWAN_CLI_DOCTOR_H
#define XSWAN_CLI_DOCTOR_H

#include <net/if.h>

#include "../lib/dp_state.h"
#include "../lib/gateway_conf.h"
#include "../vici/gateway.h"
#include "../vici/listed_cert.h"
#include "cli.h"

/* What a remedy is, so that it can be pasted: a line for a shell. What no command does is a comment to it. */
#define REMEDY_TEXT 500

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_UNKNOWN, /* it cannot be asked just now; the remedy is what that takes */
	DOCTOR_WARN, /* works, and not as well as it could, or not for ever */
	DOCTOR_FAIL,
	DOCTOR_LEVELS
};

struct finding {
	struct finding *next;
	const struct doctor_check *check;
	enum doctor_level level;
	char subject[128]; /* empty: the machine */
	char text[600];
	char remedy[REMEDY_TEXT]; /* never empty but with DOCTOR_OK */
};

/* An interface of xswan.conf, or that xswan-dp works on. */
struct doctor_port {
	char device[IFNAMSIZ];
	enum xswan_role role;
	bool vnet, keep_offloads;
	int ifindex; /* 0: there is no such interface */
	unsigned int flags; /* IFF_UP, … */
	uint32_t mtu;
	const json_t *runs; /* its entry in ports.json; NULL: xswan-dp is not running, or not on it */
};

struct doctor {
	struct cli *cli;
	const char *dir; /* of xswan.conf */
	struct gateway_conf conf;
	bool configured; /* it could be read; if not, why is in conf_error */
	char conf_error[512];
	struct dp_state dp;
	struct doctor_port ports[XSWAN_PORTS];
	int port_count;
	pid_t ike_pid; /* 0: not running */
	int ike_error; /* -errno: xswan-ike did not answer, and why is in ike_text */
	char ike_text[2048];
	struct gateway gw; /* empty then */
	struct listed_cert *certs;
	size_t cert_count;
	const struct doctor_check *check; /* that runs */
	struct finding *first, *last;
	unsigned int counts[DOCTOR_LEVELS];
};

struct doctor_check {
	const char *id; /* documented in xswan(8), and kept */
	const char *area; /* those of one come after each other */
	void (*run)(struct doctor *d);
};
extern const struct doctor_check doctor_checks[]; /* ends with NULL */

/* Says what was found about a subject ("" for the machine itself). All but DOCTOR_OK is followed by doctor_remedy(). */
void doctor_say(struct doctor *d, enum doctor_level level, const char *subject, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void doctor_remedy(struct doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The remedies that several checks have in common. */
void doctor_needs_root(struct doctor *d);
void doctor_needs_ike(struct doctor *d); /* says "unknown", and how to start it */
#define DOCTOR_COMMAND 300
/* The command that starts a daemon, or if it runs, restarts it. */
const char *doctor_start(const struct doctor *d, const char *program, char out[static DOCTOR_COMMAND]);
void doctor_remedy_start(struct doctor *d, const char *program);
void doctor_free(struct doctor *d);

/* The first line of a file below cli->root, without its end. 0 or -errno. */
int doctor_read_line(const struct doctor *d, const char *path, char *out, size_t size);
bool doctor_exists(const struct doctor *d, const char *path);
const char *doctor_path(const struct doctor *d, const char *path, char out[static 256]);
bool doctor_sysctl(const struct doctor *d, const char *key, long *value); /* "net/ipv4/ip_forward"; false: not there */
unsigned int doctor_kernel_version(const struct doctor *d); /* 601: Linux 6.1; 0: not known */

/* Interfaces that are not there are left out. */
void doctor_each_port(struct doctor *d, void (*look)(struct doctor *d, const struct doctor_port *p));
const char *doctor_role(const struct doctor_port *p); /* "outside", "inside" */

void doctor_print(const struct doctor *d, FILE *out, bool colour);
json_t *doctor_json(const struct doctor *d); /* as described in xswan(8); NULL: out of memory */

/* doctor_kernel.c */
void doctor_kernel(struct doctor *d);
void doctor_bpf(struct doctor *d);
void doctor_bpf_jit(struct doctor *d);
void doctor_btf(struct doctor *d);
void doctor_bpffs(struct doctor *d);
void doctor_af_xdp(struct doctor *d);
void doctor_memlock(struct doctor *d);
void doctor_hugepages(struct doctor *d);
void doctor_cpu(struct doctor *d);

/* doctor_daemons.c */
void doctor_config(struct doctor *d);
void doctor_dp(struct doctor *d);
void doctor_ike(struct doctor *d);
void doctor_version(struct doctor *d);
void doctor_netns(struct doctor *d);
void doctor_policy(struct doctor *d);

/* doctor_xdp.c */
void doctor_xdp(struct doctor *d);
void doctor_queue(struct doctor *d);

/* doctor_nic.c */
void doctor_interface(struct doctor *d);
void doctor_queues(struct doctor *d);
void doctor_rings(struct doctor *d);
void doctor_offloads(struct doctor *d);
void doctor_esp_hash(struct doctor *d);

/* doctor_host.c */
void doctor_ports(struct doctor *d);
void doctor_kernel_ipsec(struct doctor *d);
void doctor_forwarding(struct doctor *d);
void doctor_forwarding6(struct doctor *d);
void doctor_rp_filter(struct doctor *d);
void doctor_redirects(struct doctor *d);

/* doctor_firewall.c */
void doctor_firewall(struct doctor *d);

/* doctor_path.c */
void doctor_mtu(struct doctor *d);
void doctor_path_mtu(struct doctor *d);
void doctor_nat(struct doctor *d);

/* doctor_routes.c */
void doctor_route_peer(struct doctor *d);
void doctor_route_remote(struct doctor *d);

/* doctor_time.c */
void doctor_clock(struct doctor *d);
void doctor_certificates(struct doctor *d);

#endif
