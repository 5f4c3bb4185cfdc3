/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the interfaces, and what their cards are set to. */
#include "doctor.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/ethtool.h"

#define RING_MIN 1024u /* fewer and a burst at line rate is lost before a worker wakes */

const char *doctor_role(const struct doctor_port *p)
{
	return p->role == XSWAN_ROLE_OUTSIDE ? "outside" : "inside";
}

/* ---- the interface itself ---- */

static void read_link(struct doctor_port *p)
{
	struct ifreq flags = { 0 }, mtu = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(flags.ifr_name, p->device, IFNAMSIZ);
	memcpy(mtu.ifr_name, p->device, IFNAMSIZ);
	if (fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &flags))
		p->flags = (unsigned short)flags.ifr_flags;
	if (fd >= 0 && !ioctl(fd, SIOCGIFMTU, &mtu))
		p->mtu = (uint32_t)mtu.ifr_mtu;
	if (fd >= 0)
		close(fd);
}

static bool has_address(const struct doctor_port *p)
{
	struct ifaddrs *all;
	bool has = false;

	if (getifaddrs(&all))
		return true;
	for (const struct ifaddrs *ifa = all; ifa && !has; ifa = ifa->ifa_next)
		has = ifa->ifa_addr && (ifa->ifa_addr->sa_family == AF_INET || ifa->ifa_addr->sa_family == AF_INET6) &&
		      !strcmp(ifa->ifa_name, p->device);
	freeifaddrs(all);
	return has;
}

static void look_at_interface(struct doctor *d, const struct doctor_port *p)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };

	if (!p->ifindex) {
		doctor_say(d, DOCTOR_FAIL, p->device, "there is no such interface");
		doctor_remedy(d, "ip -br link # has the names; one of them as device in %s/xswan.conf", d->dir);
	} else if (!(p->flags & IFF_UP)) {
		doctor_say(d, DOCTOR_FAIL, p->device, "is down");
		doctor_remedy(d, "ip link set dev %s up", p->device);
	} else if (!(p->flags & IFF_RUNNING)) {
		doctor_say(d, DOCTOR_FAIL, p->device, "has no carrier");
		doctor_remedy(d, "ethtool %s # and its cable, or the port of the switch", p->device);
	} else if (p->role == XSWAN_ROLE_OUTSIDE && !has_address(p)) {
		doctor_say(d, DOCTOR_FAIL, p->device, "has no address: no peer can be reached, or reach it");
		doctor_remedy(d, "ip addr add ADDRESS/PREFIX dev %s", p->device);
	} else {
		doctor_say(d, DOCTOR_OK, p->device, "%s, up, MTU %u, driver %s", doctor_role(p), p->mtu,
			   ethtool_request(p->device, &driver) ? "not known" : driver.driver);
	}
}

void doctor_interface(struct doctor *d)
{
	for (int i = 0; i < d->port_count; i++) {
		if (d->ports[i].ifindex)
			read_link(&d->ports[i]);
		look_at_interface(d, &d->ports[i]);
	}
}

/* ---- the card ---- */

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static bool read_channels(const struct doctor_port *p, struct ethtool_channels *ch, uint32_t *now, uint32_t *max)
{
	*ch = (struct ethtool_channels){ .cmd = ETHTOOL_GCHANNELS };
	if (ethtool_request(p->device, ch))
		return false;
	*now = larger(ch->combined_count, ch->rx_count);
	*max = larger(ch->max_combined, ch->max_rx);
	return *now > 0;
}

static void look_at_queues(struct doctor *d, const struct doctor_port *p)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const json_int_t workers = json_integer_value(json_object_get(d->dp.ports, "workers"));
	struct ethtool_channels ch;
	char start[DOCTOR_COMMAND];
	uint32_t now, max, wanted;

	if (!read_channels(p, &ch, &now, &max))
		return;
	wanted = max < cpus ? max : (uint32_t)cpus;
	if (now > XSWAN_QUEUES || now < wanted) {
		if (now > XSWAN_QUEUES)
			doctor_say(d, DOCTOR_FAIL, p->device, "%u queues, and xswan-dp takes no more than %u", now,
				   XSWAN_QUEUES);
		else
			doctor_say(d, DOCTOR_WARN, p->device,
				   "%u queue%s of a possible %u: %ld CPUs could share the work", now,
				   now == 1 ? "" : "s", max, cpus);
		if (ch.combined_count)
			doctor_remedy(d, "ethtool -L %s combined %u", p->device, wanted);
		else
			doctor_remedy(d, "ethtool -L %s rx %u tx %u", p->device, wanted,
				      wanted < ch.max_tx ? wanted : ch.max_tx);
	} else if (d->configured && d->conf.workers && workers && d->conf.workers < now && workers < cpus) {
		doctor_say(d, DOCTOR_WARN, p->device, "%u queues, served by %lld workers, and there are %ld CPUs", now,
			   (long long)workers, cpus);
		doctor_remedy(d, "sed -i 's/workers *= *[0-9]*/workers = auto/' %s/xswan.conf && %s", d->dir,
			      doctor_start(d, "xswan-dp", start));
	} else {
		doctor_say(d, DOCTOR_OK, p->device, "%u queue%s%s, %ld CPUs", now, now == 1 ? "" : "s",
			   now == max ? ", all that it has" : "", cpus);
	}
}

void doctor_queues(struct doctor *d)
{
	doctor_each_port(d, look_at_queues);
}

static void look_at_rings(struct doctor *d, const struct doctor_port *p)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	uint32_t wanted;

	if (ethtool_request(p->device, &ring) || !ring.rx_max_pending)
		return; /* a virtual interface has none */
	wanted = ring.rx_max_pending < RING_MIN ? ring.rx_max_pending : RING_MIN;
	if (ring.rx_pending >= wanted) {
		doctor_say(d, DOCTOR_OK, p->device, "receive ring of %u", ring.rx_pending);
		return;
	}
	doctor_say(d, DOCTOR_WARN, p->device, "receive ring of %u, %u are possible: bursts are lost", ring.rx_pending,
		   ring.rx_max_pending);
	doctor_remedy(d, "ethtool -G %s rx %u", p->device, wanted);
}

void doctor_rings(struct doctor *d)
{
	doctor_each_port(d, look_at_rings);
}

/* What hides parts of frames from XDP, as user/dp/offloads.c sees to. */
static void look_at_offloads(struct doctor *d, const struct doctor_port *p)
{
	struct ethtool_features *f = calloc(1, sizeof(*f));
	bool all_off = true;

	if (!f || ethtool_features_read(f, p->device))
		goto out;
	for (const struct ethtool_unwanted *u = ethtool_unwanted; u->feature; u++) {
		const int number = ethtool_feature_number(f, u->feature);

		if (!ethtool_feature_on(f, number))
			continue;
		all_off = false;
		if (!p->runs && !p->keep_offloads && ethtool_feature_changeable(f, number)) {
			doctor_say(d, DOCTOR_OK, p->device, "%s is on: xswan-dp switches it off when it starts",
				   u->feature);
			continue;
		}
		doctor_say(d, DOCTOR_WARN, p->device, "%s is on, and XDP does not see all of every frame%s", u->feature,
			   p->keep_offloads ? " (offloads = keep)" : "");
		doctor_remedy(d, "ethtool -K %s %s off", p->device, u->option);
	}
	if (all_off)
		doctor_say(d, DOCTOR_OK, p->device, "none that hides parts of frames from XDP");
out:
	free(f);
}

void doctor_offloads(struct doctor *d)
{
	doctor_each_port(d, look_at_offloads);
}

/* ESP between two gateways is one flow to a card that hashes addresses alone: all of it comes to one queue. */
static void look_at_hash(struct doctor *d, const struct doctor_port *p)
{
	static const struct {
		uint32_t flow;
		const char *name;
	} flows[] = { { ESP_V4_FLOW, "esp4" }, { ESP_V6_FLOW, "esp6" }, { UDP_V4_FLOW, "udp4" } };
	struct ethtool_channels ch;
	uint32_t now = 1, max;

	if (p->role != XSWAN_ROLE_OUTSIDE || (read_channels(p, &ch, &now, &max) && now < 2))
		return;
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		struct ethtool_rxnfc hash = { .cmd = ETHTOOL_GRXFH, .flow_type = flows[i].flow };
		char subject[64];

		snprintf(subject, sizeof(subject), "%s %s", p->device, flows[i].name);
		if (ethtool_request(p->device, &hash)) {
			doctor_say(d, DOCTOR_OK, subject,
				   "the driver does not say how it spreads these; workers share one SA all the same");
		} else if ((hash.data & (RXH_L4_B_0_1 | RXH_L4_B_2_3)) == (RXH_L4_B_0_1 | RXH_L4_B_2_3)) {
			doctor_say(d, DOCTOR_OK, subject, "spread over the queues by %s", i < 2 ? "SPI" : "port");
		} else {
			doctor_say(d, DOCTOR_WARN, subject,
				   "the hash is of addresses alone: all of a peer comes to one queue");
			doctor_remedy(d, "ethtool -N %s rx-flow-hash %s sdfn", p->device, flows[i].name);
		}
	}
}

void doctor_esp_hash(struct doctor *d)
{
	doctor_each_port(d, look_at_hash);
}
