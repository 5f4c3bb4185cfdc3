/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE sockets on the loopback of a network namespace of their own (skipped without the right to make one). */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/ike/engine.h"
#include "../../user/ike/udp.h"

struct world {
	struct event_base *base;
	struct udp *udp;
	int inputs, drained;
	struct endpoint local, remote;
	uint8_t data[IKE_DATAGRAM_MAX];
	size_t len;
	uint64_t oversized, no_marker;
};

static void on_input(void *ctx, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
		     size_t len)
{
	struct world *w = ctx;

	w->inputs++;
	w->local = *local;
	w->remote = *remote;
	w->len = len;
	memcpy(w->data, data, len);
}

static void on_drained(void *ctx)
{
	((struct world *)ctx)->drained++;
}

static bool is_esp(void *ctx, uint32_t spi)
{
	return spi == 0x123;
}

static int loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err = ioctl(fd, SIOCSIFFLAGS, &req);

	close(fd);
	return err;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (unshare(CLONE_NEWNET) || loopback_up())
		return 0;
	const struct udp_config config = {
		.ike_port = 500,
		.nat_port = 4500,
		.input = on_input,
		.drained = on_drained,
		.is_esp = is_esp,
		.oversized = &w->oversized,
		.no_marker = &w->no_marker,
		.ctx = w,
	};
	w->base = event_base_new();
	return udp_open(&w->udp, w->base, &config);
}

static int teardown(void **state)
{
	struct world *w = *state;

	udp_close(w->udp);
	if (w->base)
		event_base_free(w->base);
	free(w);
	return 0;
}

static int peer_socket(const char *address, uint16_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, address, &from.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	return fd;
}

static void send_to(int fd, const char *address, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &to.sin_addr);
	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
}

static void turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void need_namespace(const struct world *w)
{
	if (!w->udp)
		skip();
}

static void test_receive(void **state)
{
	static uint8_t big[4 + IKE_DATAGRAM_MAX + 1];
	struct world *w = *state;
	char text[ENDPOINT_TEXT];
	int peer;

	need_namespace(w);
	peer = peer_socket("127.0.0.2", 7777);
	send_to(peer, "127.0.0.1", 500, "too early", 9);
	assert_int_equal(udp_start(w->udp), 0);
	turn(w);
	assert_int_equal(w->inputs, 0); /* what came before the start is forgotten */

	send_to(peer, "127.0.0.9", 500, "hello", 5);
	turn(w);
	assert_int_equal(w->inputs, 1);
	assert_int_equal(w->drained, 1);
	assert_int_equal(w->len, 5);
	assert_memory_equal(w->data, "hello", 5);
	assert_string_equal(endpoint_format(&w->local, text), "127.0.0.9[500]");
	assert_string_equal(endpoint_format(&w->remote, text), "127.0.0.2[7777]");

	send_to(peer, "127.0.0.9", 4500, "\0\0\0\0hello", 9); /* RFC 3948 section 2.2 */
	turn(w);
	assert_int_equal(w->inputs, 2);
	assert_int_equal(w->len, 5);
	assert_string_equal(endpoint_format(&w->local, text), "127.0.0.9[4500]");

	send_to(peer, "127.0.0.9", 4500, "\xff", 1); /* NAT keepalive */
	turn(w);
	assert_int_equal(w->no_marker, 0);
	send_to(peer, "127.0.0.9", 4500, "\xfe", 1);
	send_to(peer, "127.0.0.9", 4500, "\0\0\0", 3);
	send_to(peer, "127.0.0.9", 4500, "\0\0\0\1ESP", 7);
	send_to(peer, "127.0.0.9", 4500, "", 0);
	send_to(peer, "127.0.0.9", 4500, "\0\0\1\x23" "ESP", 7); /* of an SA: xswan-dp has it, too */
	turn(w);
	assert_int_equal(w->no_marker, 4);
	assert_int_equal(w->inputs, 2);

	send_to(peer, "127.0.0.9", 500, big, IKE_DATAGRAM_MAX);
	send_to(peer, "127.0.0.9", 4500, big, 4 + IKE_DATAGRAM_MAX);
	turn(w);
	assert_int_equal(w->inputs, 4);
	assert_int_equal(w->len, IKE_DATAGRAM_MAX);
	assert_int_equal(w->oversized, 0);
	send_to(peer, "127.0.0.9", 500, big, IKE_DATAGRAM_MAX + 1);
	send_to(peer, "127.0.0.9", 4500, big, sizeof(big));
	turn(w);
	assert_int_equal(w->inputs, 4);
	assert_int_equal(w->oversized, 2);
	close(peer);
}

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
	struct endpoint ep = { .port = port };

	assert_int_equal(addr_parse(&ep.addr, address), 0);
	return ep;
}

static void expect(int fd, const char *from, uint16_t port, const void *data, ssize_t len)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	char buffer[64], text[INET_ADDRSTRLEN];

	assert_int_equal(recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&address, &size), len);
	assert_memory_equal(buffer, data, len);
	assert_string_equal(inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)), from);
	assert_int_equal(ntohs(address.sin_port), port);
}

static void test_send(void **state)
{
	struct world *w = *state;
	struct endpoint remote = endpoint_of("127.0.0.2", 7777), any = { .port = 500 };
	struct endpoint ike = endpoint_of("127.0.0.9", 500), nat = endpoint_of("127.0.0.9", 4500);
	int peer;

	need_namespace(w);
	peer = peer_socket("127.0.0.2", 7777);
	assert_int_equal(udp_send(w->udp, &ike, &remote, (const uint8_t *)"hello", 5), 0);
	expect(peer, "127.0.0.9", 500, "hello", 5);
	assert_int_equal(udp_send(w->udp, &nat, &remote, (const uint8_t *)"hello", 5), 0);
	expect(peer, "127.0.0.9", 4500, "\0\0\0\0hello", 9);
	assert_int_equal(udp_send(w->udp, &any, &remote, (const uint8_t *)"hello", 5), 0);
	expect(peer, "127.0.0.1", 500, "hello", 5); /* the kernel chose */
	assert_int_equal(udp_send_keepalive(w->udp, &nat, &remote), 0);
	expect(peer, "127.0.0.9", 4500, "\xff", 1);
	close(peer);
}

static void test_route(void **state)
{
	struct world *w = *state;
	struct endpoint remote = endpoint_of("127.0.0.2", 0), nowhere = endpoint_of("198.51.100.1", 0);
	struct addr local;
	char text[ADDR_TEXT];

	need_namespace(w);
	assert_int_equal(udp_local_address(&remote.addr, &local), 0);
	assert_string_equal(addr_format(&local, text), "127.0.0.1");
	assert_int_equal(udp_local_address(&nowhere.addr, &local), -ENETUNREACH);
	assert_int_equal(udp_wire_port(w->udp, 4500), 4500);
}

static void test_port_in_use(void **state)
{
	struct world *w = *state;
	struct udp *second = NULL;
	const struct udp_config config = { .ike_port = 500, .nat_port = 4501 };

	need_namespace(w);
	assert_int_equal(udp_open(&second, w->base, &config), -EADDRINUSE);
	assert_null(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_receive), TEST(test_send), TEST(test_route),
					    TEST(test_port_in_use) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
