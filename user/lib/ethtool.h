/* SPDX-License-Identifier: Apache-2.0 */
/* What the ethtool interface of the kernel says of a network device, and the work of a card that XDP has to be spared.
 */
#ifndef XSWAN_LIB_ETHTOOL_H
#define XSWAN_LIB_ETHTOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ethtool.h>

#define ETHTOOL_FEATURES_MAX 256u
#define ETHTOOL_BLOCKS (ETHTOOL_FEATURES_MAX / 32)

/* SIOCETHTOOL: `request` begins with the command. 0 or -errno. */
int ethtool_request(const char *device, void *request);

/* The features of a device, whose numbers are this kernel's own business. */
struct ethtool_features {
	uint32_t count;
	char name[ETHTOOL_FEATURES_MAX][ETH_GSTRING_LEN];
	struct ethtool_get_features_block state[ETHTOOL_BLOCKS];
};

/* Work on received frames before XDP sees them: a VLAN tag taken off is gone, frames joined do not fit into a buffer.
 */
struct ethtool_unwanted {
	const char *feature, *option; /* as the kernel calls it, and as ethtool -K does */
};
extern const struct ethtool_unwanted ethtool_unwanted[]; /* ends with NULL */

int ethtool_features_read(struct ethtool_features *f, const char *device); /* 0 or -errno */
int ethtool_feature_number(const struct ethtool_features *f, const char *name); /* -1: there is none */
bool ethtool_feature_on(const struct ethtool_features *f, int number);
bool ethtool_feature_changeable(const struct ethtool_features *f, int number);
int ethtool_feature_set(const char *device, const struct ethtool_features *f, int number,
			bool on); /* does not change f */

#endif
