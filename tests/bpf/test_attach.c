/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs on real interfaces: attached by iproute2, which pins the maps where it does, and a
 * frame that ends in a real AF_XDP socket with its verdict in front of it.
 *
 * In namespaces for network and mounts: the pins are in a bpf file system that goes with this process.
 */
#include "harness.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <xdp/xsk.h>

#define PINS "/sys/fs/bpf/tc/globals/"

static int setup(void **state)
{
	struct stat st;

	if (geteuid())
		return 0;
	if (stat(build_path("xswan.bpf.o"), &st)) {
		print_error("%s: %s\n", build_path("xswan.bpf.o"), strerror(errno));
		return -1;
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	return system("ip link set lo up && "
		      "ip link add out0 numrxqueues 1 numtxqueues 1 address 02:00:00:00:00:01 type veth "
		      "peer name wan0 numrxqueues 1 numtxqueues 1 && "
		      "ip link add in0 address 02:00:00:00:00:01 type veth peer name lan0 && "
		      "for i in out0 wan0 in0 lan0; do ip link set $i up; done && "
		      "ip address add 192.0.2.1/24 dev out0");
}

#define needs_iproute2()                                                                                          \
	do {                                                                                                      \
		if (geteuid()) {                                                                                  \
			print_message("needs root, for BPF and network namespaces\n");                            \
			skip();                                                                                   \
		}                                                                                                 \
		if (system("ip -V | grep -q libbpf")) {                                                           \
			print_message("this iproute2 is built without libbpf, and does not read such objects\n"); \
			skip();                                                                                   \
		}                                                                                                 \
	} while (0)

static void ip_attach(const char *device, const char *mode, const char *section)
{
	char command[600];

	snprintf(command, sizeof(command), "ip link set dev %s %s obj %s sec %s", device, mode,
		 build_path("xswan.bpf.o"), section);
	sh(command);
}

static struct bpf_prog_info attached(const char *device, uint32_t *map_ids, uint32_t count)
{
	struct bpf_prog_info info = { .nr_map_ids = count, .map_ids = (uintptr_t)map_ids };
	uint32_t id = 0, len = sizeof(info);
	int fd;

	assert_int_equal(bpf_xdp_query_id(if_nametoindex(device), 0, &id), 0);
	fd = bpf_prog_get_fd_by_id(id);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info;
}

static int open_pin(const char *map)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PINS "%s", map);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

static void remove_pins(void)
{
	sh("rm -rf /sys/fs/bpf/tc /sys/fs/bpf/ip /sys/fs/bpf/xdp");
}

static void send_frame(const char *device, const struct packet *p)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_ifindex = if_nametoindex(device),
				  .sll_halen = ETH_ALEN };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, p->data, p->len, 0, (struct sockaddr *)&ll, sizeof(ll)), p->len);
	close(fd);
}

static uint64_t pinned_drops(enum xswan_drop reason)
{
	uint64_t values[256] = { 0 }, sum = 0;
	uint32_t key = reason;
	int fd = open_pin("drops");

	assert_in_range(libbpf_num_possible_cpus(), 1, COUNT(values));
	assert_int_equal(bpf_map_lookup_elem(fd, &key, values), 0);
	for (size_t i = 0; i < COUNT(values); i++)
		sum += values[i];
	close(fd);
	return sum;
}

static void pin_port(const char *device)
{
	struct xswan_port port = { .role = XSWAN_ROLE_OUTSIDE };
	uint32_t ifindex = if_nametoindex(device);
	int fd = open_pin("ports");

	memcpy(port.mac, packet_macs[TO_US], sizeof(port.mac));
	assert_int_equal(bpf_map_update_elem(fd, &ifindex, &port, BPF_ANY), 0);
	close(fd);
}

static void test_iproute2(void **state)
{
	static const struct {
		const char *section, *name;
	} programs[] = { { "xdp/outside", "outside" }, { "xdp/inside", "inside" }, { "xdp/tunnel", "tunnel_dp" } };
	static const char *const modes[] = { "xdpdrv", "xdpgeneric" };

	needs_iproute2();
	for (size_t i = 0; i < COUNT(programs); i++) {
		for (size_t mode = 0; mode < COUNT(modes); mode++) {
			char off[64];

			ip_attach("out0", modes[mode], programs[i].section);
			assert_string_equal(attached("out0", NULL, 0).name, programs[i].name);
			snprintf(off, sizeof(off), "ip link set dev out0 %s off", modes[mode]);
			sh(off);
		}
	}
	remove_pins();
}

/* What the operator attached decides on traffic by maps that others can open, in both modes. */
static void test_iproute2_traffic(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){
		.src = "192.0.2.9", .dst = "192.0.2.1", .proto = IPPROTO_ESP, .spi = 0xa5c00100 });
	static const char *const modes[] = { "xdpdrv", "xdpgeneric" };

	needs_iproute2();
	for (size_t mode = 0; mode < COUNT(modes); mode++) {
		char off[64];

		ip_attach("out0", modes[mode], "xdp/outside");
		send_frame("wan0", &p);
		usleep(50000);
		assert_int_equal(pinned_drops(XSWAN_DROP_SPI_UNKNOWN), 0); /* no port yet: the kernel's */
		pin_port("out0");
		send_frame("wan0", &p);
		for (int i = 0; i < 100 && !pinned_drops(XSWAN_DROP_SPI_UNKNOWN); i++)
			usleep(10000);
		assert_int_equal(pinned_drops(XSWAN_DROP_SPI_UNKNOWN), 1);
		snprintf(off, sizeof(off), "ip link set dev out0 %s off", modes[mode]);
		sh(off);
		remove_pins();
	}
}

static bool has_id(const uint32_t *ids, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Two interfaces, two commands, one set of maps; and tc finds the same. */
static void test_iproute2_shares_maps(void **state)
{
	static const char *const shared[] = { "selector", "rules", "ports", "xsks", "drops" };
	uint32_t outside_ids[32], inside_ids[32];
	struct bpf_prog_info outside, inside;
	char command[1000];

	needs_iproute2();
	ip_attach("out0", "xdp", "xdp/outside");
	ip_attach("in0", "xdp", "xdp/inside");
	outside = attached("out0", outside_ids, COUNT(outside_ids));
	inside = attached("in0", inside_ids, COUNT(inside_ids));
	for (size_t i = 0; i < COUNT(shared); i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = open_pin(shared[i]);

		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		close(fd);
		assert_true(has_id(outside_ids, outside.nr_map_ids, info.id));
		assert_true(has_id(inside_ids, inside.nr_map_ids, info.id));
	}
	snprintf(command, sizeof(command),
		 "tc qdisc add dev out0 clsact && tc filter add dev out0 egress bpf da obj %s sec tc/egress && "
		 "tc filter show dev out0 egress | grep -q 'name egress' && tc qdisc del dev out0 clsact",
		 build_path("xswan.bpf.o"));
	sh(command);
	sh("ip link set dev out0 xdp off && ip link set dev in0 xdp off");
	remove_pins();
}

/* Every map of the contract is pinned, with the sizes that it states. */
static void test_maps(void **state)
{
	static const struct {
		const char *name;
		uint32_t type, key_size, value_size, max_entries, flags;
	} maps[] = {
		{ "sa_in", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_sa), XSWAN_SA_SLOTS, BPF_F_MMAPABLE },
		{ "sa_out", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_sa), XSWAN_SA_SLOTS, BPF_F_MMAPABLE },
		{ "sa_in_stat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_sa_stat), XSWAN_SA_SLOTS, BPF_F_MMAPABLE },
		{ "sa_out_stat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_sa_stat), XSWAN_SA_SLOTS, BPF_F_MMAPABLE },
		{ "tunnel", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_tunnel), XSWAN_TUNNELS, BPF_F_MMAPABLE },
		{ "selector", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct xswan_selector_key), sizeof(struct xswan_selector),
		  XSWAN_SELECTOR_ENTRIES, BPF_F_NO_PREALLOC },
		{ "rules", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct xswan_rules_key), sizeof(struct xswan_rules),
		  XSWAN_SELECTOR_ENTRIES, BPF_F_NO_PREALLOC },
		{ "policy_state", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_policy_state), 1, 0 },
		{ "locals", BPF_MAP_TYPE_HASH, sizeof(struct xswan_local), 1, XSWAN_LOCALS, 0 },
		{ "local_bits", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_local_bits), 1, 0 },
		{ "ports", BPF_MAP_TYPE_HASH, 4, sizeof(struct xswan_port), XSWAN_PORTS, 0 },
		{ "xsks", BPF_MAP_TYPE_XSKMAP, 4, 4, XSWAN_PORTS * XSWAN_QUEUES, 0 },
		{ "drops", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, XSWAN_DROP_SLOTS, 0 },
		{ "drops_dp", BPF_MAP_TYPE_ARRAY, 4, 8, XSWAN_WORKERS * XSWAN_DROP_SLOTS, BPF_F_MMAPABLE },
		{ "drops_ike", BPF_MAP_TYPE_ARRAY, 4, 8, XSWAN_IKE_COUNTER_SLOTS, BPF_F_MMAPABLE },
		{ "events", BPF_MAP_TYPE_RINGBUF, 0, 0, 256 * 1024, 0 },
		{ "flood", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct xswan_flood), 1, 0 },
		{ "ike_peers", BPF_MAP_TYPE_LRU_HASH, sizeof(struct xswan_local), 8, XSWAN_IKE_PEERS, 0 },
	};

	needs_iproute2();
	ip_attach("out0", "xdp", "xdp/outside");
	for (size_t i = 0; i < COUNT(maps); i++) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = open_pin(maps[i].name);

		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		close(fd);
		assert_int_equal(info.type, maps[i].type);
		assert_int_equal(info.key_size, maps[i].key_size);
		assert_int_equal(info.value_size, maps[i].value_size);
		assert_int_equal(info.max_entries, maps[i].max_entries);
		assert_int_equal(info.map_flags, maps[i].flags);
	}
	sh("ip link set dev out0 xdp off");
	remove_pins();
}

#define FRAMES 64

struct xsk {
	void *area;
	struct xsk_umem *umem;
	struct xsk_socket *sock;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
};

/* The kernel lets go of the queue some time after a socket before on it was closed. */
static int bind_xsk(struct xsk *x, const char *device)
{
	const struct xsk_socket_config config = { .rx_size = FRAMES,
						  .tx_size = FRAMES,
						  .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
						  .bind_flags = XDP_COPY };
	int err = -EBUSY;

	for (int i = 0; i < 200 && err == -EBUSY; i++) {
		err = xsk_socket__create(&x->sock, device, 0, x->umem, &x->rx, &x->tx, &config);
		if (err == -EBUSY)
			usleep(10000);
	}
	return err;
}

static void open_xsk(struct xsk *x, const char *device)
{
	const size_t size = FRAMES * XSK_UMEM__DEFAULT_FRAME_SIZE;
	uint32_t at = 0;

	assert_int_equal(posix_memalign(&x->area, getpagesize(), size), 0);
	memset(x->area, 0, size);
	assert_int_equal(xsk_umem__create(&x->umem, x->area, size, &x->fill, &x->completion, NULL), 0);
	assert_int_equal(bind_xsk(x, device), 0);
	assert_int_equal(xsk_ring_prod__reserve(&x->fill, FRAMES, &at), FRAMES);
	for (uint32_t i = 0; i < FRAMES; i++)
		*xsk_ring_prod__fill_addr(&x->fill, at + i) = i * XSK_UMEM__DEFAULT_FRAME_SIZE;
	xsk_ring_prod__submit(&x->fill, FRAMES);
}

static void close_xsk(struct xsk *x)
{
	xsk_socket__delete(x->sock);
	xsk_umem__delete(x->umem);
	free(x->area);
}

static void add_sa(uint32_t spi, const char *src, const char *dst)
{
	struct xswan_sa sa = { .uid = 1, .spi = htonl(spi), .family = 4, .flags = XSWAN_SA_LIVE };

	inet_pton(AF_INET, src, sa.src);
	inet_pton(AF_INET, dst, sa.dst);
	map_set("sa_in", XSWAN_SPI_SLOT(spi), &sa);
}

static void receive_with_meta(struct xsk *x, const struct packet *p, const struct xswan_meta *expected)
{
	struct pollfd pfd = { .fd = xsk_socket__fd(x->sock), .events = POLLIN };
	const struct xdp_desc *desc;
	uint32_t at = 0;
	uint8_t *frame;

	assert_int_equal(poll(&pfd, 1, 2000), 1);
	assert_int_equal(xsk_ring_cons__peek(&x->rx, 1, &at), 1);
	desc = xsk_ring_cons__rx_desc(&x->rx, at);
	frame = xsk_umem__get_data(x->area, desc->addr);
	assert_int_equal(desc->len, p->len);
	assert_memory_equal(frame, p->data, p->len);
	assert_memory_equal(frame - sizeof(*expected), expected, sizeof(*expected));
	xsk_ring_cons__release(&x->rx, 1);
}

/* In both modes of XDP a worker finds the verdict in the bytes before the frame. */
static void test_verdict_reaches_socket(void **state)
{
	const struct packet p = packet_make(&(struct packet_spec){
		.src = "192.0.2.9", .dst = "192.0.2.1", .proto = IPPROTO_ESP, .spi = 0xa5c00007, .options = 2 });
	const struct xswan_meta meta = { XSWAN_META_OPEN, .index = 7, .l3_offset = 14, .esp_offset = 14 + 28 };
	const struct xswan_port port = port_default(XSWAN_ROLE_OUTSIDE);
	static const uint32_t modes[] = { XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE };

	if (geteuid())
		skip();
	object = load_object("xswan.bpf.o");
	assert_non_null(object);
	set_port("out0", &port);
	add_sa(0xa5c00007, "192.0.2.9", "192.0.2.1");
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct xsk x = { .area = NULL };
		int fd;

		assert_int_equal(bpf_xdp_attach(if_nametoindex("out0"), prog_fd("outside"), modes[i], NULL), 0);
		open_xsk(&x, "out0");
		fd = xsk_socket__fd(x.sock);
		map_set("xsks", port.xsk_base, &fd);
		send_frame("wan0", &p);
		receive_with_meta(&x, &p, &meta);
		close_xsk(&x);
		assert_int_equal(bpf_xdp_detach(if_nametoindex("out0"), modes[i], NULL), 0);
	}
	bpf_object__close(object);
	object = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iproute2),
		cmocka_unit_test(test_iproute2_traffic),
		cmocka_unit_test(test_iproute2_shares_maps),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_verdict_reaches_socket),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
