/* SPDX-License-Identifier: Apache-2.0 */
#include "locals.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>
#include <xswan/maps.h>

/* False for an interface's other addresses: packet sockets have theirs here, too. */
static bool local_of(const struct ifaddrs *ifa, struct xswan_local *local)
{
	int family = ifa->ifa_addr ? ifa->ifa_addr->sa_family : AF_UNSPEC;

	*local = (struct xswan_local){ .family = family == AF_INET ? 4 : 6 };
	if (family == AF_INET)
		memcpy(local->ip, &((const struct sockaddr_in *)ifa->ifa_addr)->sin_addr, 4);
	else if (family == AF_INET6)
		memcpy(local->ip, &((const struct sockaddr_in6 *)ifa->ifa_addr)->sin6_addr, 16);
	else
		return false;
	return true;
}

static bool is_local(const struct ifaddrs *all, const struct xswan_local *addr)
{
	struct xswan_local local;

	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
		if (local_of(ifa, &local) && !memcmp(&local, addr, sizeof(local)))
			return true;
	return false;
}

static void remove_stale(int map_fd, const struct ifaddrs *all)
{
	static struct xswan_local stale[XSWAN_LOCALS];
	struct xswan_local key, *prev = NULL;
	uint32_t count = 0;

	while (!bpf_map_get_next_key(map_fd, prev, &key) && count < XSWAN_LOCALS) {
		stale[count] = key;
		prev = &stale[count++];
	}
	for (uint32_t i = 0; i < count; i++)
		if (!is_local(all, &stale[i]))
			bpf_map_delete_elem(map_fd, &stale[i]);
}

static void set_bits(struct xswan_local_bits *bits, const struct ifaddrs *all)
{
	struct xswan_local local;
	uint32_t ip[4], bit;

	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
		if (!local_of(ifa, &local))
			continue;
		memcpy(ip, local.ip, sizeof(ip));
		bit = xswan_local_bit(ip);
		bits->word[bit / 64] |= 1ull << bit % 64;
	}
}

/* Those of the addresses that there are, and with `and_old` those that there were. */
static int write_bits(int map_fd, const struct ifaddrs *all, bool and_old)
{
	struct xswan_local_bits bits = { .word = { 0 } };
	const uint32_t index = 0;

	if (and_old && bpf_map_lookup_elem(map_fd, &index, &bits))
		return -errno;
	set_bits(&bits, all);
	return bpf_map_update_elem(map_fd, &index, &bits, BPF_ANY) ? -errno : 0;
}

int locals_sync(int map_fd, int bits_fd)
{
	const uint8_t present = 1;
	struct xswan_local local;
	struct ifaddrs *all;
	int err;

	if (getifaddrs(&all))
		return -errno;
	err = write_bits(bits_fd, all, true);
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
		if (local_of(ifa, &local) && bpf_map_update_elem(map_fd, &local, &present, BPF_ANY))
			err = -errno;
	remove_stale(map_fd, all);
	if (!err)
		err = write_bits(bits_fd, all, false);
	freeifaddrs(all);
	return err;
}
