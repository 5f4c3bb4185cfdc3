/* SPDX-License-Identifier: Apache-2.0 */
#include "locals.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <xswan/maps.h>

static uint32_t ipv4_of(const struct ifaddrs *ifa)
{
	if (!ifa->ifa_addr || ifa->ifa_addr->sa_family != AF_INET)
		return 0;
	return ((const struct sockaddr_in *)ifa->ifa_addr)->sin_addr.s_addr;
}

static bool is_local(const struct ifaddrs *all, uint32_t addr)
{
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
		if (ipv4_of(ifa) == addr)
			return true;
	return false;
}

static void remove_stale(int map_fd, const struct ifaddrs *all)
{
	static uint32_t stale[XSWAN_LOCALS];
	uint32_t count = 0, key, *prev = NULL;

	while (!bpf_map_get_next_key(map_fd, prev, &key) && count < XSWAN_LOCALS) {
		stale[count] = key;
		prev = &stale[count++];
	}
	for (uint32_t i = 0; i < count; i++)
		if (!is_local(all, stale[i]))
			bpf_map_delete_elem(map_fd, &stale[i]);
}

int locals_sync(int map_fd)
{
	const uint8_t present = 1;
	struct ifaddrs *all;
	uint32_t addr;
	int err = 0;

	if (getifaddrs(&all))
		return -errno;
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
		addr = ipv4_of(ifa);
		if (addr && bpf_map_update_elem(map_fd, &addr, &present, BPF_ANY))
			err = -errno;
	}
	remove_stale(map_fd, all);
	freeifaddrs(all);
	return err;
}
