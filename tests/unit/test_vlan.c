/* SPDX-License-Identifier: Apache-2.0 */
/* VLAN devices as rtnetlink describes them, and the tags of frames that go out below them. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

#include "../../user/dp/vlan.h"

/* An RTM_NEWLINK as the kernel makes it; below 0: none, id -1: no link info of a VLAN */
static struct nlmsghdr *link_message(char *buf, uint32_t below, uint32_t mtu, const char *kind, int id, uint16_t proto)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *info, *data;

	nlh->nlmsg_type = RTM_NEWLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0.7");
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	if (below)
		mnl_attr_put_u32(nlh, IFLA_LINK, below);
	if (!kind)
		return nlh;
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u16(nlh, IFLA_VLAN_ID, id);
	if (proto)
		mnl_attr_put_u16(nlh, IFLA_VLAN_PROTOCOL, htons(proto));
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nlh;
}

static const uint8_t plain[14] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x00 };

static void test_plain(void **state)
{
	const struct vlan_path path = { .ifindex = 3 };
	uint8_t frame[22];

	memcpy(frame, plain, sizeof(plain));
	assert_int_equal(vlan_push(&path, frame), 14);
	assert_memory_equal(frame, plain, sizeof(plain));
}

static void test_one_tag(void **state)
{
	static const uint8_t tagged[18] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0x00, 0x00, 0x07, 0x08, 0x00 };
	char buf[512] = { 0 };
	struct vlan_path path = { .ifindex = 9 };
	struct vlan_link link;
	uint8_t frame[22];

	vlan_read(link_message(buf, 3, 1496, "vlan", 7, 0), &link);
	assert_true(vlan_descend(&path, &link));
	assert_int_equal(path.ifindex, 3);
	assert_int_equal(path.mtu, 1496);
	memcpy(frame, plain, sizeof(plain));
	assert_int_equal(vlan_push(&path, frame), sizeof(tagged));
	assert_memory_equal(frame, tagged, sizeof(tagged));
}

/* eth0.100.7: a customer's VLAN 7 in the provider's 100; its MTU is the uppermost device's. */
static void test_two_tags(void **state)
{
	static const uint8_t tagged[22] = { 1,	  2,	3,    4,    5,	  6,	7,    8,    9,	  10,	11,
					    12,	  0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x0f, 0xfe, 0x08, 0x00 };
	char inner[512] = { 0 }, outer[512] = { 0 };
	struct vlan_path path = { .ifindex = 9 };
	struct vlan_link link;
	uint8_t frame[22];

	vlan_read(link_message(inner, 8, 1492, "vlan", 0xffe, ETH_P_8021Q), &link);
	assert_true(vlan_descend(&path, &link));
	vlan_read(link_message(outer, 3, 1496, "vlan", 100, ETH_P_8021AD), &link);
	assert_true(vlan_descend(&path, &link));
	assert_int_equal(path.ifindex, 3);
	assert_int_equal(path.mtu, 1492);
	memcpy(frame, plain, sizeof(plain));
	assert_int_equal(vlan_push(&path, frame), sizeof(tagged));
	assert_memory_equal(frame, tagged, sizeof(tagged));
	assert_false(vlan_descend(&path, &link)); /* a third */
}

static void test_others(void **state)
{
	struct vlan_path path = { .ifindex = 9 };
	char buf[512] = { 0 };
	struct vlan_link link;

	vlan_read(link_message(buf, 3, 1500, NULL, 0, 0), &link); /* no kind at all */
	assert_false(vlan_descend(&path, &link));
	memset(buf, 0, sizeof(buf));
	vlan_read(link_message(buf, 3, 1500, "macvlan", 7, 0), &link);
	assert_false(vlan_descend(&path, &link));
	assert_int_equal(link.id, 0); /* another kind's attributes mean other things */
	memset(buf, 0, sizeof(buf));
	vlan_read(link_message(buf, 0, 1500, "vlan", 7, 0), &link);
	assert_false(vlan_descend(&path, &link));
	memset(buf, 0, sizeof(buf));
	mnl_attr_put_u32(link_message(buf, 3, 1500, "vlan", 7, 0), IFLA_LINK_NETNSID, 1);
	vlan_read((struct nlmsghdr *)buf, &link); /* index 3 of another namespace is not ours */
	assert_false(vlan_descend(&path, &link));
	assert_int_equal(path.count, 0);
	assert_int_equal(path.ifindex, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_one_tag),
		cmocka_unit_test(test_two_tags),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
