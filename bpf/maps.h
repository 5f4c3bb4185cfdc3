/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The maps of include/xswan/maps.h, as the object file declares them. All but `vnet` are pinned by
 * name: whoever loads the object first makes them, and whoever loads it later (an upgraded
 * daemon, a second `ip link set … xdp obj`) finds the same SA database.
 */
#ifndef XSWAN_BPF_MAPS_H
#define XSWAN_BPF_MAPS_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#include <xswan/drops.h>
#include <xswan/maps.h>

#define XSWAN_EVENTS_SIZE (256 * 1024)

#define MMAPABLE_ARRAY(map, slots, record) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, slots); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__type(key, __u32); \
		__type(value, record); \
		__uint(pinning, LIBBPF_PIN_BY_NAME); \
	} map SEC(".maps")

MMAPABLE_ARRAY(sa_in, XSWAN_SA_SLOTS, struct xswan_sa);
MMAPABLE_ARRAY(sa_out, XSWAN_SA_SLOTS, struct xswan_sa);
MMAPABLE_ARRAY(sa_in_stat, XSWAN_SA_SLOTS, struct xswan_sa_stat);
MMAPABLE_ARRAY(sa_out_stat, XSWAN_SA_SLOTS, struct xswan_sa_stat);
MMAPABLE_ARRAY(sa_in_drops, XSWAN_SA_SLOTS, struct xswan_sa_drops);
MMAPABLE_ARRAY(sa_out_drops, XSWAN_SA_SLOTS, struct xswan_sa_drops);
MMAPABLE_ARRAY(tunnel, XSWAN_TUNNELS, struct xswan_tunnel);
MMAPABLE_ARRAY(drops_dp, XSWAN_WORKERS * XSWAN_DROP_SLOTS, __u64);
MMAPABLE_ARRAY(drops_ike, XSWAN_IKE_COUNTER_SLOTS, __u64);

#define LPM_TRIE(map, entries, prefix, record) \
	struct { \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE); \
		__uint(max_entries, entries); \
		__uint(map_flags, BPF_F_NO_PREALLOC); /* it has no other way */ \
		__type(key, prefix); \
		__type(value, record); \
		__uint(pinning, LIBBPF_PIN_BY_NAME); \
	} map SEC(".maps")

LPM_TRIE(selector, XSWAN_SELECTOR_ENTRIES, struct xswan_selector_key, struct xswan_selector);
LPM_TRIE(rules, XSWAN_SELECTOR_ENTRIES, struct xswan_rules_key, struct xswan_rules);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xswan_policy_state);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} policy_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XSWAN_PORTS);
	__type(key, __u32);
	__type(value, struct xswan_port);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ports SEC(".maps");

/* The addresses of this host: what is for it is not outbound traffic (RFC 4301 section 5.1). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XSWAN_LOCALS);
	__type(key, struct xswan_local);
	__type(value, __u8);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} locals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xswan_local_bits);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} local_bits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XSWAN_PORTS * XSWAN_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} xsks SEC(".maps");

/* Not pinned: its entries go with the process that made them, and the next one brings programs with a map of their own. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 2 * XSWAN_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} vnet SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XSWAN_DROP_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XSWAN_EVENTS_SIZE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

/*
 * When a tunnel last asked for an SA, bpf_ktime_get_ns(); and at 0, which is no tunnel, when an unknown SPI was last
 * told of. For these programs alone, and pinned all the same: the rate is one per tunnel, however many times the object
 * is loaded.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XSWAN_TUNNELS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} acquired SEC(".maps");

/*
 * Limits of IKE_SA_INIT requests, and where they stand (bpf/flood.h). The second and third are for these programs alone, and
 * pinned for the same reason.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xswan_flood);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} flood SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XSWAN_FLOOD_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} flood_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XSWAN_FLOOD_SEEN);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} flood_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XSWAN_IKE_PEERS);
	__type(key, struct xswan_local);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ike_peers SEC(".maps");

static __always_inline void count_drop(enum xswan_drop reason)
{
	__u32 index = reason;
	__u64 *n = bpf_map_lookup_elem(&drops, &index);

	if (n)
		(*n)++; /* this CPU's own, and XDP and TC programs do not interrupt each other on one CPU */
}

static __always_inline bool is_local(__u8 family, const __be32 *addr)
{
	const __u32 bit = xswan_local_bit(addr);
	struct xswan_local local = { .family = family };
	__u32 index = 0;
	const struct xswan_local_bits *bits = bpf_map_lookup_elem(&local_bits, &index);

	if (!bits || !(bits->word[bit / 64] >> bit % 64 & 1))
		return false;
	__builtin_memcpy(local.ip, addr, sizeof(local.ip));
	return bpf_map_lookup_elem(&locals, &local);
}

static __always_inline struct xswan_port *port_of(__u32 ifindex)
{
	return bpf_map_lookup_elem(&ports, &ifindex);
}

#endif
