/* SPDX-License-Identifier: Apache-2.0 */
#include "vlan.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define ID_MASK 0xfffu

static int of_vlan(const struct nlattr *a, void *arg)
{
	struct vlan_link *link = arg;

	if (mnl_attr_get_type(a) == IFLA_VLAN_ID && mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
		link->id = mnl_attr_get_u16(a) & ID_MASK;
	else if (mnl_attr_get_type(a) == IFLA_VLAN_PROTOCOL && mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
		link->proto = ntohs(mnl_attr_get_u16(a));
	return MNL_CB_OK;
}

/* The kernel puts the kind before what belongs to it. */
static int of_info(const struct nlattr *a, void *arg)
{
	struct vlan_link *link = arg;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		link->is_vlan = !strcmp(mnl_attr_get_str(a), "vlan");
	else if (mnl_attr_get_type(a) == IFLA_INFO_DATA && link->is_vlan)
		mnl_attr_parse_nested(a, of_vlan, link);
	return MNL_CB_OK;
}

static int of_link(const struct nlattr *a, void *arg)
{
	struct vlan_link *link = arg;

	if (mnl_attr_get_type(a) == IFLA_LINK && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		link->below = mnl_attr_get_u32(a);
	else if (mnl_attr_get_type(a) == IFLA_MTU && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		link->mtu = mnl_attr_get_u32(a);
	else if (mnl_attr_get_type(a) == IFLA_LINK_NETNSID)
		link->elsewhere = true;
	else if (mnl_attr_get_type(a) == IFLA_LINKINFO)
		mnl_attr_parse_nested(a, of_info, link);
	return MNL_CB_OK;
}

void vlan_read(const struct nlmsghdr *nlh, struct vlan_link *link)
{
	*link = (struct vlan_link){ .proto = ETH_P_8021Q };
	mnl_attr_parse(nlh, sizeof(struct ifinfomsg), of_link, link);
}

bool vlan_descend(struct vlan_path *path, const struct vlan_link *link)
{
	if (!link->is_vlan || !link->below || link->elsewhere || path->count == VLAN_TAGS)
		return false;
	if (!path->count)
		path->mtu = link->mtu;
	path->tag[path->count].id = link->id;
	path->tag[path->count++].proto = link->proto;
	path->ifindex = link->below;
	return true;
}

uint32_t vlan_push(const struct vlan_path *path, uint8_t *link)
{
	uint8_t type[2], *at = link + 2 * ETH_ALEN;

	memcpy(type, at, sizeof(type));
	for (uint32_t i = path->count; i-- > 0; at += VLAN_TAG_LEN) {
		const uint16_t tag[2] = { htons(path->tag[i].proto), htons(path->tag[i].id) };

		memcpy(at, tag, sizeof(tag));
	}
	memcpy(at, type, sizeof(type));
	return at + sizeof(type) - link;
}
