/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Floods of IKE_SA_INIT requests. Nothing about such a request can be checked here, and its source may be forged, so
 * there are four limits, and what is beyond them never reaches the IKE daemon, whose sockets have room for its peers then:
 *
 *   peers     every address that is configured, or has authenticated, has a rate of its own. What is beyond it
 *             is judged as a stranger's.
 *   strangers first requests, of all others together.
 *   again     the same request once more, or with the cookie that we have asked for: same source, same SPI. Forged ones
 *             never come twice, unless the forger pays for it; a peer whose first request was lost among them
 *             sends it again. So this is a rate apart, which a flood of new requests does not use up.
 *   prefix    of strangers, IPv4 /24 and IPv6 /48: no more from each. It holds only while its class has used up half
 *             of what it may: many sites behind one address lose nothing as long as there is enough for all.
 *
 * A bucket is one word: the time, in nanoseconds, up to which what it let through has been paid for. Each request moves
 * it on by `cost`, and none is let through that would move it more than `depth` ahead of the clock. Memory is fixed, and
 * what is refused writes nothing but which request it was.
 */
#ifndef XSWAN_BPF_FLOOD_H
#define XSWAN_BPF_FLOOD_H

#include "maps.h"
#include "parse.h"

#define IKE_SA_INIT 34 /* RFC 7296 section 3.1, as the flags */
#define IKE_FLAG_INITIATOR 0x08
#define IKE_FLAG_RESPONSE 0x20
#define IKE_MARKER_LEN 4 /* RFC 3948 section 2.2 */
#define BUCKET_TRIES 4

/* The first 20 bytes of an IKE header. */
struct ike_start {
	__u32 spi_i[2], spi_r[2];
	__u8 next, version, exchange, flags;
};

/* *spi: the initiator's; false for all but a request for a new IKE SA. */
static __always_inline bool is_init_request(const struct frame *f, const struct cursor *at, __u64 *spi)
{
	const struct ike_start *ike;
	__u32 offset = 8; /* UDP's header */

	if (f->flow.proto != IPPROTO_UDP || f->flow.visible != PORTS_KNOWN)
		return false;
	if (f->flow.dport == IKE_NAT_PORT && !f->third)
		offset += IKE_MARKER_LEN;
	else if (f->flow.dport != IKE_PORT)
		return false;
	ike = at->start + ((f->l4_offset & L4_OFFSET_MASK) + offset);
	if ((void *)(ike + 1) > at->end)
		return false;
	*spi = (__u64)ike->spi_i[0] << 32 | ike->spi_i[1];
	return ike->exchange == IKE_SA_INIT && !(ike->spi_r[0] | ike->spi_r[1]) &&
	       (ike->flags & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE)) == IKE_FLAG_INITIATOR;
}

static __always_inline __u64 stir(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull; /* an odd number without pattern: 2^64 by the golden ratio */
	return hash ^ hash >> 29;
}

static __always_inline __u64 hash_prefix(const struct flow *flow, __u64 seed)
{
	if (flow->family == 4)
		return stir(seed, bpf_ntohl(flow->src[0]) >> 8);
	return stir(stir(seed, flow->src[0]), bpf_ntohl(flow->src[1]) >> 16 | 1u << 24);
}

static __always_inline __u64 hash_request(const struct flow *flow, __u64 spi, __u64 seed)
{
	__u64 hash = stir(seed, spi);

	hash = stir(hash, (__u64)flow->src[0] << 32 | flow->src[1]);
	return stir(hash, (__u64)flow->src[2] << 32 | flow->src[3]);
}

/* How far ahead of the clock a bucket is. */
static __always_inline __u64 bucket_level(const __u64 *bucket, __u64 now)
{
	const __u64 until = *(const volatile __u64 *)bucket;

	return until > now ? until - now : 0;
}

/* Those that lose every race for it pass: no more at a time than there are CPUs. */
static __always_inline bool bucket_take(__u64 *bucket, const struct xswan_bucket *size, __u64 now)
{
	if (!size->cost)
		return true;
	for (int i = 0; i < BUCKET_TRIES; i++) {
		const __u64 was = *(volatile __u64 *)bucket, from = was > now ? was : now;

		if (from - now + size->cost > size->depth)
			return false;
		if (__sync_val_compare_and_swap(bucket, was, from + size->cost) == was)
			return true;
	}
	return true;
}

/*
 * Has this request been here before? Of each set the last two are known, by 32 bits; how long that is depends on how
 * many there are: of 200,000 a second, 98 of 100 are known after one second, and 82 after four.
 */
static __always_inline bool seen_before(const struct flow *flow, __u64 spi, __u64 seed)
{
	const __u64 hash = hash_request(flow, spi, seed);
	const __u32 tag = hash, set = (hash >> 32) % XSWAN_FLOOD_SEEN;
	__u64 *tags = bpf_map_lookup_elem(&flood_seen, &set);

	if (!tags)
		return false;
	if ((__u32)*tags == tag || *tags >> 32 == tag)
		return true;
	*tags = *tags << 32 | tag;
	return false;
}

static __always_inline bool is_peer_within_rate(const struct flow *flow, const struct xswan_flood *limits, __u64 now)
{
	struct xswan_local key = { .family = flow->family };
	__u64 *bucket;

	__builtin_memcpy(key.ip, flow->src, sizeof(key.ip));
	bucket = bpf_map_lookup_elem(&ike_peers, &key);
	return bucket && bucket_take(bucket, &limits->peer, now);
}

static __always_inline bool is_stranger_within_rate(const struct flow *flow, const struct xswan_flood *limits,
						    __u64 spi, __u64 now)
{
	const bool again = seen_before(flow, spi, limits->seed);
	const struct xswan_bucket *size = again ? &limits->again : &limits->strangers;
	const __u32 total_nr = again ? XSWAN_FLOOD_AGAIN : XSWAN_FLOOD_STRANGERS;
	const __u32 prefix_nr = hash_prefix(flow, limits->seed) % XSWAN_FLOOD_PREFIXES;
	__u64 *total = bpf_map_lookup_elem(&flood_buckets, &total_nr);
	__u64 *prefix = bpf_map_lookup_elem(&flood_buckets, &prefix_nr);

	if (!total || !prefix)
		return true;
	if (bucket_level(total, now) > size->depth / 2 && !bucket_take(prefix, &limits->prefix, now))
		return false;
	return bucket_take(total, size, now);
}

/*
 * May this frame go on to the IKE daemon? Whatever is not a request for a new IKE SA may, and so may what this host
 * merely forwards. `at` is over the frame that f was parsed from.
 */
static __always_inline bool is_within_flood_limits(const struct frame *f, const struct cursor *at)
{
	const __u32 only = 0;
	const struct xswan_flood *limits;
	__u64 spi, now;

	if (!is_init_request(f, at, &spi))
		return true;
	limits = bpf_map_lookup_elem(&flood, &only);
	if (!limits || !is_local(f->flow.family, f->flow.dst))
		return true;
	now = bpf_ktime_get_ns();
	return is_peer_within_rate(&f->flow, limits, now) || is_stranger_within_rate(&f->flow, limits, spi, now);
}

#endif
