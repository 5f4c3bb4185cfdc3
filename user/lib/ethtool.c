/* SPDX-License-Identifier: Apache-2.0 */
#include "ethtool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const struct ethtool_unwanted ethtool_unwanted[] = {
	{ "rx-vlan-hw-parse", "rxvlan" },
	{ "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse" },
	{ "rx-lro", "lro" },
	{ "rx-gro-hw", "rx-gro-hw" },
	{ NULL, NULL },
};

int ethtool_request(const char *device, void *request)
{
	struct ifreq ifr = { .ifr_data = request };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	err = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return err;
}

static int read_names(const char *device, struct ethtool_features *f)
{
	union { /* with room for what the structure ends with, here and below */
		struct ethtool_sset_info info;
		uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} set = { .room = { 0 } };
	struct ethtool_gstrings *strings;
	uint32_t count;
	int err;

	set.info.cmd = ETHTOOL_GSSET_INFO;
	set.info.sset_mask = 1ull << ETH_SS_FEATURES;
	err = ethtool_request(device, &set);
	if (err)
		return err;
	count = set.info.data[0];
	if (!set.info.sset_mask || count > ETHTOOL_FEATURES_MAX)
		return -EOPNOTSUPP;
	strings = calloc(1, sizeof(*strings) + (size_t)count * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	*strings =
		(struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count };
	err = ethtool_request(device, strings);
	if (!err) {
		f->count = strings->len < count ? strings->len : count;
		memcpy(f->name, strings->data, (size_t)f->count * ETH_GSTRING_LEN);
	}
	free(strings);
	return err;
}

static int read_state(const char *device, struct ethtool_features *f)
{
	union {
		struct ethtool_gfeatures head;
		uint8_t room[sizeof(struct ethtool_gfeatures) + sizeof(f->state)];
	} get = { .room = { 0 } };
	int err;

	get.head.cmd = ETHTOOL_GFEATURES;
	get.head.size = (f->count + 31) / 32;
	err = ethtool_request(device, &get);
	memcpy(f->state, get.room + sizeof(get.head), sizeof(f->state));
	return err;
}

int ethtool_features_read(struct ethtool_features *f, const char *device)
{
	int err;

	memset(f, 0, sizeof(*f));
	err = read_names(device, f);
	return err ? err : read_state(device, f);
}

int ethtool_feature_number(const struct ethtool_features *f, const char *name)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!strncmp(f->name[i], name, ETH_GSTRING_LEN))
			return (int)i;
	return -1;
}

bool ethtool_feature_on(const struct ethtool_features *f, int number)
{
	return number >= 0 && f->state[number / 32].active & 1u << number % 32;
}

bool ethtool_feature_changeable(const struct ethtool_features *f, int number)
{
	return f->state[number / 32].available & ~f->state[number / 32].never_changed & 1u << number % 32;
}

int ethtool_feature_set(const char *device, const struct ethtool_features *f, int number, bool on)
{
	union {
		struct ethtool_sfeatures head;
		uint8_t room[sizeof(struct ethtool_sfeatures) + ETHTOOL_BLOCKS * sizeof(struct ethtool_set_features_block)];
	} set = { .room = { 0 } };
	const uint32_t bit = 1u << number % 32;

	set.head.cmd = ETHTOOL_SFEATURES;
	set.head.size = (f->count + 31) / 32;
	set.head.features[number / 32] = (struct ethtool_set_features_block){ .valid = bit, .requested = on ? bit : 0 };
	return ethtool_request(device, &set);
}
