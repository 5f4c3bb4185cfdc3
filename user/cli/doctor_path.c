/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what fits through the tunnels, and the NAT on their way. What is well is counted, not told one by one. */
#include "doctor.h"

#include "../lib/esp_mtu.h"

#define IPV6_MIN 1280u /* RFC 8200 section 5 */
#define ONE_BUFFER 3498u /* beyond, a frame takes several buffers: PORT_MTU_FRAME of the dataplane */
#define KERNEL_MULTI_BUFFER 606u

/* ---- what fits ---- */

/* The usual cipher, and the longest usual headers. */
static uint32_t fits(uint32_t path_mtu)
{
	const struct xswan_sa sa = {
		.family = 4, .alg = XSWAN_ALG_AES_GCM_16_256, .mode = XSWAN_MODE_TUNNEL, .flags = XSWAN_SA_UDP_ENCAP
	};

	return esp_mtu_inner(&sa, path_mtu);
}

static void look_at_mtu(struct doctor *d, const struct doctor_port *p)
{
	const unsigned int kernel = doctor_kernel_version(d);

	if (p->mtu > ONE_BUFFER && kernel && kernel < KERNEL_MULTI_BUFFER) {
		doctor_say(d, DOCTOR_FAIL, p->device, "MTU %u: AF_XDP takes more than %u from Linux 6.6 on", p->mtu,
			   ONE_BUFFER);
		doctor_remedy(d, "ip link set dev %s mtu %u", p->device, ONE_BUFFER);
	} else if (p->role == XSWAN_ROLE_OUTSIDE && fits(p->mtu) < IPV6_MIN) {
		doctor_say(d, DOCTOR_WARN, p->device, "MTU %u leaves %u for packets in a tunnel, and IPv6 wants 1280",
			   p->mtu, fits(p->mtu));
		doctor_remedy(d, "ip link set dev %s mtu 1500 # or as much as the network there takes", p->device);
	} else if (p->role == XSWAN_ROLE_OUTSIDE) {
		doctor_say(d, DOCTOR_OK, p->device, "MTU %u: packets of %u fit a tunnel with AES-GCM in UDP", p->mtu,
			   fits(p->mtu));
	} else {
		doctor_say(d, DOCTOR_OK, p->device, "MTU %u", p->mtu);
	}
}

void doctor_mtu(struct doctor *d)
{
	char start[DOCTOR_COMMAND];

	doctor_each_port(d, look_at_mtu);
	if (d->configured && !d->conf.tcp_mss) {
		doctor_say(d, DOCTOR_WARN, "", "tcp_mss = off: TCP depends on ICMP getting through to every host");
		doctor_remedy(d, "sed -i 's/tcp_mss *= *off/tcp_mss = auto/' %s/xswan.conf && %s", d->dir,
			      doctor_start(d, "xswan-dp", start));
	}
}

static bool path_is_narrow(struct doctor *d, const char *name, const struct gateway_child_sa *sa)
{
	const bool told = sa->path_mtu_age != GATEWAY_NEVER;

	if (!sa->mtu || sa->mtu >= IPV6_MIN)
		return false;
	doctor_say(d, DOCTOR_WARN, name, "path MTU %u%s: packets of %u fit, and IPv6 wants 1280",
		   (unsigned int)sa->path_mtu, told ? ", by a router's word" : "", (unsigned int)sa->mtu);
	if (told)
		doctor_remedy(d, "tracepath -n %s # shows where", sa->ike->remote_host);
	else
		doctor_remedy(d, "ip route get %s # and the MTU of that route and its interface", sa->ike->remote_host);
	return true;
}

void doctor_path_mtu(struct doctor *d)
{
	unsigned int good = 0, narrow = 0;
	uint64_t least = UINT64_MAX;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next)
			for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next) {
				char name[128];

				snprintf(name, sizeof(name), "%s/%s", conn->name, child->name);
				if (path_is_narrow(d, name, sa)) {
					narrow++;
				} else if (sa->mtu) {
					good++;
					least = sa->path_mtu < least ? sa->path_mtu : least;
				}
			}
	if (good)
		doctor_say(d, DOCTOR_OK, "", "%u Child SA%s, the narrowest path %u", good, good == 1 ? "" : "s",
			   (unsigned int)least);
	else if (!narrow)
		doctor_say(d, DOCTOR_OK, "", "no Child SA is up");
}

/* ---- NAT ---- */

void doctor_nat(struct doctor *d)
{
	unsigned int all = 0, here = 0, there = 0, forced = 0;

	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (const struct gateway_conn *conn = d->gw.conns; conn; conn = conn->next)
		for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next) {
			all++;
			here += ike->nat_local && !ike->nat_fake;
			there += ike->nat_remote && !ike->nat_fake;
			forced += ike->nat_fake;
		}
	if (here && d->configured && !d->conf.keep_alive) {
		doctor_say(d, DOCTOR_WARN, "",
			   "this gateway is behind a NAT, which forgets a tunnel that is quiet: keep_alive is 0");
		doctor_remedy(d, "sed -i 's/keep_alive *= *0.*/keep_alive = 20s/' %s/xswan.conf && xswan -i %s apply",
			      d->dir, d->cli->instance);
		return;
	}
	doctor_say(d, DOCTOR_OK, "", "of %u IKE SA%s a NAT is here in %u, at the peer in %u; UDP forced in %u", all,
		   all == 1 ? "" : "s", here, there, forced);
}
