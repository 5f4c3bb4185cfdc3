/* SPDX-License-Identifier: Apache-2.0 */
/* The MTU of a route, in a network namespace with one link of 1400 bytes, and what a liar tells the kernel about it. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/dp/checksum.h"
#include "../../user/ike/route_mtu.h"

static bool have_namespace;

static int setup(void **state)
{
	have_namespace = !unshare(CLONE_NEWNET) &&
			 !system("{ ip link set lo up && ip link add far type veth peer name near && ip link set far up && "
				 "ip link set near up mtu 1400 && ip addr add 192.0.2.1/24 dev near && "
				 "ip addr add 2001:db8::1/64 dev near nodad && ip route add 198.51.100.0/24 via 192.0.2.2 mtu 1300 && "
				 "ip route add 2001:db8:1::/64 via 2001:db8::2 mtu 1290; } >/dev/null 2>&1");
	return 0;
}

static uint32_t mtu_to(const char *local, const char *remote)
{
	struct addr from, to;

	assert_int_equal(addr_parse(&from, local), 0);
	assert_int_equal(addr_parse(&to, remote), 0);
	return route_mtu(&from, &to);
}

static void test_configured(void **state)
{
	if (!have_namespace)
		skip();
	assert_int_equal(mtu_to("192.0.2.1", "192.0.2.2"), 1400);
	assert_int_equal(mtu_to("%any", "192.0.2.2"), 1400);
	assert_int_equal(mtu_to("192.0.2.1", "198.51.100.7"), 1300);
	assert_int_equal(mtu_to("2001:db8::1", "2001:db8::2"), 1400);
	assert_int_equal(mtu_to("2001:db8::1", "2001:db8:1::7"), 1290);
	assert_int_equal(system("echo 1350 >/proc/sys/net/ipv6/conf/near/mtu"), 0); /* as a router would */
	assert_int_equal(mtu_to("2001:db8::1", "2001:db8::2"), 1350);
	assert_int_equal(mtu_to("192.0.2.1", "203.0.113.1"), 0); /* no route */
	assert_int_equal(mtu_to("192.0.2.77", "192.0.2.2"), 0); /* not our address */
}

/* Several ways: that of the one which the kernel takes. */
static void test_multipath(void **state)
{
	if (!have_namespace)
		skip();
	assert_int_equal(system("ip route add 203.0.113.0/24 nexthop via 192.0.2.2 nexthop via 192.0.2.3"), 0);
	assert_int_equal(mtu_to("192.0.2.1", "203.0.113.1"), 1400);
	assert_int_equal(system("ip route del 203.0.113.0/24"), 0);
}

/* What the kernel believes. */
static int kernel_mtu(const char *remote)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(500) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), mtu = 0;
	socklen_t len = sizeof(mtu);

	inet_pton(AF_INET, remote, &to.sin_addr);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len), 0);
	close(fd);
	return mtu;
}

/* "Fragmentation needed" about an echo reply to the remote address, which nobody has sent. */
static void lie(const char *remote, uint16_t mtu)
{
	struct {
		struct icmphdr error;
		struct iphdr ip;
		struct icmphdr reply;
	} m = {
		.error = { .type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED, .un.frag.mtu = htons(mtu) },
		.ip = { .version = 4, .ihl = 5, .tot_len = htons(1400), .frag_off = htons(IP_DF), .ttl = 60, .protocol = IPPROTO_ICMP },
	};
	struct sockaddr_in self = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	inet_pton(AF_INET, "192.0.2.1", &self.sin_addr);
	m.ip.saddr = self.sin_addr.s_addr;
	inet_pton(AF_INET, remote, &m.ip.daddr);
	m.ip.check = (uint16_t)~checksum_fold(checksum_add(0, &m.ip, sizeof(m.ip)));
	m.error.checksum = (uint16_t)~checksum_fold(checksum_add(0, &m, sizeof(m)));
	assert_int_equal(sendto(fd, &m, sizeof(m), 0, (const struct sockaddr *)&self, sizeof(self)), sizeof(m));
	close(fd);
}

static void test_lie(void **state)
{
	if (!have_namespace)
		skip();
	lie("192.0.2.2", 700);
	lie("198.51.100.7", 700);
	assert_int_equal(kernel_mtu("192.0.2.2"), 700);
	assert_int_equal(kernel_mtu("198.51.100.7"), 700);
	assert_int_equal(mtu_to("192.0.2.1", "192.0.2.2"), 1400);
	assert_int_equal(mtu_to("192.0.2.1", "198.51.100.7"), 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configured),
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_lie),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
