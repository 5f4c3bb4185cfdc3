/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what this host does with packets beside xswan, and who else would like to do IPsec on it. */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"

/* ---- UDP ports ---- */

struct holder {
	unsigned long inode; /* 0: nobody has bound it */
	pid_t pid; /* 0: not to be seen */
	char name[32];
};

/* /proc/net/udp: "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode …" */
static unsigned long inode_of(const struct doctor *d, const char *table, unsigned int port)
{
	unsigned int bound;
	unsigned long inode, found = 0;
	char path[256], line[512];
	FILE *f = fopen(doctor_path(d, table, path), "re");

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %lu", &bound, &inode) == 2 &&
		    bound == port)
			found = inode;
	if (f)
		fclose(f);
	return found;
}

static bool has_socket(const struct doctor *d, const char *pid, const char *socket)
{
	char path[64], full[256], target[64];
	struct dirent *fd;
	bool has = false;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(doctor_path(d, path, full));
	while (dir && !has && (fd = readdir(dir))) {
		len = readlinkat(dirfd(dir), fd->d_name, target, sizeof(target) - 1);
		if (len > 0)
			target[len] = '\0';
		has = len > 0 && !strcmp(target, socket);
	}
	if (dir)
		closedir(dir);
	return has;
}

static void find_holder(const struct doctor *d, struct holder *h)
{
	char full[256], path[64], socket[32];
	DIR *proc = opendir(doctor_path(d, "/proc", full));
	struct dirent *entry;

	snprintf(socket, sizeof(socket), "socket:[%lu]", h->inode);
	while (proc && !h->pid && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) && has_socket(d, entry->d_name, socket)) {
			h->pid = atoi(entry->d_name);
			snprintf(path, sizeof(path), "/proc/%.16s/comm", entry->d_name);
			doctor_read_line(d, path, h->name, sizeof(h->name));
		}
	if (proc)
		closedir(proc);
}

static void say_unbound(struct doctor *d, const char *subject)
{
	if (!d->ike_pid) {
		doctor_say(d, DOCTOR_OK, subject, "free for xswan-ike");
		return;
	}
	doctor_say(d, DOCTOR_UNKNOWN, subject, "not bound in this network namespace, and xswan-ike runs: in another?");
	doctor_remedy(d, "nsenter --net=/proc/%d/ns/net xswan -i %s doctor %s", (int)d->ike_pid, d->cli->instance,
		      d->dir);
}

static void look_at_port(struct doctor *d, unsigned int port, const char *table, int family)
{
	struct holder h = { .inode = inode_of(d, table, port) };
	char subject[32];

	snprintf(subject, sizeof(subject), "udp %u, IPv%d", port, family);
	if (h.inode)
		find_holder(d, &h);
	if (!h.inode) {
		if (family == 4)
			say_unbound(d, subject); /* and a host may have no IPv6 */
	} else if (!h.pid) {
		doctor_say(d, DOCTOR_UNKNOWN, subject, "bound, by a process that is not to be seen");
		doctor_needs_root(d);
	} else if (h.pid == d->ike_pid) {
		doctor_say(d, DOCTOR_OK, subject, "xswan-ike has it");
	} else {
		doctor_say(d, DOCTOR_FAIL, subject, "%s (pid %d) has it, and xswan-ike needs it", h.name, (int)h.pid);
		doctor_remedy(d, "kill %d", (int)h.pid);
	}
}

void doctor_ports(struct doctor *d)
{
	look_at_port(d, 500, "/proc/net/udp", 4);
	look_at_port(d, 4500, "/proc/net/udp", 4);
	look_at_port(d, 500, "/proc/net/udp6", 6);
	look_at_port(d, 4500, "/proc/net/udp6", 6);
}

/* ---- the kernel's own IPsec ---- */

/* It takes what its policies select, on the slow path and for local sockets, before xswan sees it. */
void doctor_kernel_ipsec(struct doctor *d)
{
	unsigned int states, policies;
	int err = netlink_count_xfrm(&states, &policies);

	if (err == -EPERM || err == -EACCES) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "its policies are root's to read");
		doctor_needs_root(d);
	} else if (err) {
		doctor_say(d, DOCTOR_OK, "", "the kernel has none: %s", strerror(-err));
	} else if (!states && !policies) {
		doctor_say(d, DOCTOR_OK, "", "no policies and no SAs of another IPsec");
	} else {
		doctor_say(d, DOCTOR_WARN, "",
			   "%u polic%s and %u SA%s of another IPsec: what they select does not come to xswan", policies,
			   policies == 1 ? "y" : "ies", states, states == 1 ? "" : "s");
		doctor_remedy(d, "ip xfrm policy flush && ip xfrm state flush");
	}
}

/* ---- forwarding ---- */

static bool has_inside(const struct doctor *d)
{
	for (int i = 0; i < d->port_count; i++)
		if (d->ports[i].role == XSWAN_ROLE_INSIDE)
			return true;
	return false;
}

/* The interface that what comes out of a tunnel enters the host by, as far as the kernel delivers it. */
static const char *tunnel_of(const struct doctor *d)
{
	return d->configured ? d->conf.tunnel : "xsw0";
}

static bool forwards(struct doctor *d, const char *family, const char *device)
{
	char key[96];
	long on;

	snprintf(key, sizeof(key), "net/%s/conf/%s/forwarding", family, device);
	if (!doctor_sysctl(d, key, &on) || on)
		return true;
	doctor_say(d, DOCTOR_FAIL, device, "does not forward");
	doctor_remedy(d, "sysctl -w net/%s/conf/%s/forwarding=1", family, device); /* names may have dots */
	return false;
}

/* The global switch is one thing; somebody may have turned it off for one interface again. */
static void look_at_forwarding(struct doctor *d, const char *family, const char *sysctl, const char *key)
{
	bool all = true;
	long on = 0;

	if (!doctor_sysctl(d, key, &on)) {
		doctor_say(d, DOCTOR_OK, "", "this kernel has no such family");
	} else if (!on) {
		doctor_say(d, DOCTOR_FAIL, "", "off: what comes out of the tunnels reaches this host alone");
		doctor_remedy(d, "sysctl -w %s=1", sysctl);
	} else {
		for (int i = 0; i < d->port_count; i++)
			if (d->ports[i].role == XSWAN_ROLE_INSIDE)
				all &= forwards(d, family, d->ports[i].device);
		all &= forwards(d, family, tunnel_of(d));
		if (all)
			doctor_say(d, DOCTOR_OK, "", "on");
	}
}

void doctor_forwarding(struct doctor *d)
{
	if (!d->port_count) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "no interface is known: see the check config");
		doctor_remedy(d, "xswan check %s", d->dir);
	} else if (has_inside(d)) {
		look_at_forwarding(d, "ipv4", "net.ipv4.ip_forward", "net/ipv4/ip_forward");
	} else {
		doctor_say(d, DOCTOR_OK, "", "no inside interface: the tunnels are this host's own");
	}
}

/* Is IPv6 in use inside, beyond what every link has? */
static bool has_ipv6_inside(const struct doctor *d)
{
	struct ifaddrs *all;
	bool has = false;

	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *ifa = all; ifa && !has; ifa = ifa->ifa_next) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)ifa->ifa_addr;

		if (!sin6 || sin6->sin6_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))
			continue;
		for (int i = 0; i < d->port_count; i++)
			has |= d->ports[i].role == XSWAN_ROLE_INSIDE && !strcmp(d->ports[i].device, ifa->ifa_name);
	}
	freeifaddrs(all);
	return has;
}

void doctor_forwarding6(struct doctor *d)
{
	if (has_ipv6_inside(d))
		look_at_forwarding(d, "ipv6", "net.ipv6.conf.all.forwarding", "net/ipv6/conf/all/forwarding");
	else if (d->port_count)
		doctor_say(d, DOCTOR_OK, "", "no inside interface has IPv6");
}

/* ---- reverse paths and redirects ---- */

static long conf4(struct doctor *d, const char *device, const char *name)
{
	char key[96];
	long value = 0;

	snprintf(key, sizeof(key), "net/ipv4/conf/%s/%s", device, name);
	return doctor_sysctl(d, key, &value) ? value : 0;
}

/* The larger of the two counts (ip-sysctl of the kernel); 1 is strict, and the route back is seldom through xsw0. */
void doctor_rp_filter(struct doctor *d)
{
	const char *tunnel = tunnel_of(d);
	const long all = conf4(d, "all", "rp_filter"), own = conf4(d, tunnel, "rp_filter");
	const long both = all > own ? all : own;
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s", tunnel);
	if (!doctor_exists(d, path))
		return; /* xswan-dp makes it, and sets this */
	if (both == 1) {
		doctor_say(d, DOCTOR_FAIL, tunnel,
			   "strict: the kernel drops what comes out of the tunnels for it to deliver");
		doctor_remedy(d, "sysctl -w net/ipv4/conf/%s/rp_filter=2", tunnel);
	} else {
		doctor_say(d, DOCTOR_OK, tunnel, "%s", both ? "loose" : "off");
	}
}

/* A redirect that is believed leads ESP elsewhere; one that is sent leads hosts around the gateway. */
static void look_at_redirects(struct doctor *d, const struct doctor_port *p)
{
	const bool router = conf4(d, p->device, "forwarding");
	const long all = conf4(d, "all", "accept_redirects"), own = conf4(d, p->device, "accept_redirects");
	const bool accepts = router ? all && own : all || own;
	const bool sends = router && (conf4(d, "all", "send_redirects") || conf4(d, p->device, "send_redirects"));

	if (accepts) {
		doctor_say(d, DOCTOR_WARN, p->device, "believes ICMP redirects: anybody on the link may turn routes");
		doctor_remedy(d, "sysctl -w net/ipv4/conf/all/accept_redirects=0 net/ipv4/conf/%s/accept_redirects=0",
			      p->device);
	}
	if (sends) {
		doctor_say(d, DOCTOR_WARN, p->device, "sends ICMP redirects: hosts may be led around the gateway");
		doctor_remedy(d, "sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/%s/send_redirects=0",
			      p->device);
	}
	if (!accepts && !sends)
		doctor_say(d, DOCTOR_OK, p->device, "neither believed nor sent");
}

void doctor_redirects(struct doctor *d)
{
	doctor_each_port(d, look_at_redirects);
}
