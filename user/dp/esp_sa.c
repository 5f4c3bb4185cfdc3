/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an SA from the controller's request, and the sizes that follow from one.
 *
 * The request comes from another process: everything is checked before anything is built,
 * and the pinned figures are touched last.
 */
#include "esp_sa.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/esp_alg.h"
#include "../lib/secmem.h"
#include "checksum.h"

#define OUTER_TTL 64 /* RFC 4301 section 5.1.2.1, note 2: the gateway's choice */
#define SPI_RESERVED 255u /* RFC 4303 section 2.1 */
#define DSCP_MAX 63u

static int __attribute__((format(printf, 4, 5))) refuse(char *why, size_t size, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, size, fmt, args);
	va_end(args);
	return err;
}

int esp_sa_check_outer(const struct xswan_sa *sa, char *why, size_t size)
{
	const uint8_t known = XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN | XSWAN_SA_FOLLOW;

	if (sa->mode != XSWAN_MODE_TUNNEL && sa->mode != XSWAN_MODE_TRANSPORT)
		return refuse(why, size, -EOPNOTSUPP, "mode %u is neither tunnel nor transport", sa->mode);
	if (sa->family != 4 && sa->family != 6)
		return refuse(why, size, -EAFNOSUPPORT, "outer family %u is neither 4 nor 6", sa->family);
	if (sa->flags & ~known)
		return refuse(why, size, -EINVAL, "unknown flags 0x%x", sa->flags & ~known);
	if (sa->flags & XSWAN_SA_UDP_ENCAP && (!sa->sport || !sa->dport))
		return refuse(why, size, -EINVAL, "UDP encapsulation without ports (%u, %u)", ntohs(sa->sport),
			      ntohs(sa->dport));
	if (sa->flags & XSWAN_SA_FOLLOW && (!(sa->flags & XSWAN_SA_UDP_ENCAP) || sa->mode != XSWAN_MODE_TUNNEL))
		return refuse(why, size, -EINVAL, "a peer can be followed only in UDP and tunnel mode");
	return 0;
}

static int check_header(const struct xswan_sa *sa, char *why, size_t size)
{
	const uint8_t both = XSWAN_HEADER_SET_DF | XSWAN_HEADER_CLEAR_DF;
	const uint8_t known = XSWAN_HEADER_SET_DSCP | XSWAN_HEADER_DSCP_IN | XSWAN_HEADER_NO_ECN | both |
			      XSWAN_HEADER_FLOW_LABEL;

	if (sa->header & ~known)
		return refuse(why, size, -EINVAL, "unknown header flags 0x%x", sa->header & ~known);
	if ((sa->header & both) == both)
		return refuse(why, size, -EINVAL, "DF cannot be both set and cleared");
	if (sa->dscp > DSCP_MAX)
		return refuse(why, size, -EINVAL, "DSCP %u is larger than %u", sa->dscp, DSCP_MAX);
	if (sa->mode == XSWAN_MODE_TRANSPORT && (sa->header || sa->tfc)) /* RFC 4303 section 2.7 for the latter */
		return refuse(why, size, -EINVAL, "header flags 0x%x, TFC padding to %u: tunnel mode alone has them",
			      sa->header, sa->tfc);
	return 0;
}

static int check_key(const struct xswan_dp_sa_add *m, char *why, size_t size)
{
	size_t keymat = esp_alg_keymat_len(m->sa.alg);

	if (!m->sa.uid)
		return refuse(why, size, -EINVAL, "uid 0");
	if (m->sa.tunnel >= XSWAN_TUNNELS)
		return refuse(why, size, -EINVAL, "tunnel %u is not in 0..%u", m->sa.tunnel, XSWAN_TUNNELS - 1);
	if (!keymat)
		return refuse(why, size, -EOPNOTSUPP, "algorithm %u is not known", m->sa.alg);
	if (m->key_len != keymat)
		return refuse(why, size, -EINVAL, "key of %u bytes; %s takes %zu, salt and integrity key included",
			      m->key_len, esp_alg(m->sa.alg)->name, keymat);
	return 0;
}

static int check_direction(const struct xswan_dp_sa_add *m, char *why, size_t size)
{
	uint32_t spi = ntohl(m->sa.spi), window = m->replay_window;

	if (m->dir != XSWAN_DP_IN && m->dir != XSWAN_DP_OUT)
		return refuse(why, size, -EINVAL, "direction %u", m->dir);
	if (spi <= SPI_RESERVED)
		return refuse(why, size, -EINVAL, "SPI %u is reserved", spi);
	if (m->dir == XSWAN_DP_OUT)
		return 0;
	if (m->slot != XSWAN_SPI_SLOT(spi))
		return refuse(why, size, -EINVAL, "slot %u is not that of SPI %08x, %u", m->slot, spi,
			      XSWAN_SPI_SLOT(spi));
	if (window < XSWAN_REPLAY_MIN || window > XSWAN_REPLAY_MAX)
		return refuse(why, size, -EINVAL, "replay window of %u packets; possible are %u to %u", window,
			      XSWAN_REPLAY_MIN, XSWAN_REPLAY_MAX);
	return 0;
}

/* Selectors of both families, of one side, go to *out4 and *out6, which move on. */
static int read_selectors(struct esp_selector **out4, struct esp_selector6 **out6, const struct xswan_ts *ts,
			  uint32_t count, const char *side, char *why, size_t size)
{
	for (uint32_t i = 0; i < count; i++) {
		int err = ts[i].family == 4 ? esp_selector_from_ts((*out4)++, &ts[i]) : esp_selector6_from_ts((*out6)++, &ts[i]);

		if (err)
			return refuse(why, size, err, "%s traffic selector %u: range ends before it begins", side, i);
	}
	return 0;
}

/* How many are of IPv6; -errno. */
static int count_selectors6(const struct xswan_ts *ts, uint32_t count, const char *side, char *why, size_t size)
{
	int six = 0;

	if (!count || count > XSWAN_DP_TS_MAX)
		return refuse(why, size, -EINVAL, "%u %s traffic selectors; 1 to %u are possible", count, side,
			      XSWAN_DP_TS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (ts[i].family != 4 && ts[i].family != 6)
			return refuse(why, size, -EAFNOSUPPORT, "%s traffic selector %u: family %u is neither 4 nor 6",
				      side, i, ts[i].family);
		six += ts[i].family == 6;
	}
	return six;
}

/* With those of one side alone no IPv4 packet is selected; and the short way would take the first one for both sides. */
static void forget_selectors4(struct esp_sa *sa)
{
	memset(sa->selector, 0, sizeof(sa->selector));
	sa->local_count = sa->remote_count = 0;
}

static int set_selectors(struct esp_sa *sa, const struct xswan_dp_sa_add *m, char *why, size_t size)
{
	const int local6 = count_selectors6(m->local_ts, m->local_ts_count, "local", why, size);
	const int remote6 = local6 < 0 ? local6 :
					 count_selectors6(m->remote_ts, m->remote_ts_count, "remote", why, size);
	struct esp_selector *out4 = sa->selector;
	struct esp_selector6 *out6 = NULL;
	int err;

	if (remote6 < 0)
		return remote6;
	if (local6 + remote6) {
		sa->selectors6 = malloc(sizeof(*sa->selectors6) + (size_t)(local6 + remote6) * sizeof(*out6));
		if (!sa->selectors6)
			return refuse(why, size, -ENOMEM, "out of memory");
		sa->selectors6->local_count = (uint8_t)local6;
		sa->selectors6->remote_count = (uint8_t)remote6;
		out6 = sa->selectors6->selector;
	}
	sa->local_count = (uint8_t)(m->local_ts_count - (uint32_t)local6);
	sa->remote_count = (uint8_t)(m->remote_ts_count - (uint32_t)remote6);
	err = read_selectors(&out4, &out6, m->local_ts, m->local_ts_count, "local", why, size);
	err = err ? err : read_selectors(&out4, &out6, m->remote_ts, m->remote_ts_count, "remote", why, size);
	if (!sa->local_count || !sa->remote_count)
		forget_selectors4(sa);
	return err;
}

bool esp_sa_selects6(const struct esp_sa *sa, const struct inner *in, bool outbound)
{
	const struct esp_selectors6 *s = sa->selectors6;
	const struct esp_selector6 *local, *remote;

	if (!s)
		return false;
	local = s->selector;
	remote = local + s->local_count;
	return outbound ? inner_selected6(in, local, s->local_count, remote, s->remote_count) :
			  inner_selected6(in, remote, s->remote_count, local, s->local_count);
}

static uint8_t shape_of(const struct xswan_sa *sa)
{
	return (uint8_t)((sa->family == 6 ? ESP_SHAPE_IP6 : 0) |
			 (sa->mode == XSWAN_MODE_TRANSPORT ? ESP_SHAPE_TRANSPORT : 0) |
			 (sa->header ? ESP_SHAPE_HEADER : 0) | (sa->tfc ? ESP_SHAPE_TFC : 0));
}

static int set_dummies(struct esp_sa *sa, const struct xswan_dp_sa_add *m, char *why, size_t size)
{
	if (m->dummy_rate > XSWAN_DUMMY_MAX || (m->dummy_rate && m->dir != XSWAN_DP_OUT))
		return refuse(why, size, -EINVAL, "%u dummy packets per second; possible are up to %u, outbound",
			      m->dummy_rate, XSWAN_DUMMY_MAX);
	if (m->dir == XSWAN_DP_OUT)
		sa->dummy.rate = m->dummy_rate;
	return 0;
}

static uint8_t outer_len_of(const struct xswan_sa *sa)
{
	uint32_t ip = sa->family == 6 ? WIRE_IP6_LEN : WIRE_IP4_LEN;

	return (uint8_t)((sa->mode == XSWAN_MODE_TUNNEL ? ip : 0) + (sa->flags & XSWAN_SA_UDP_ENCAP ? WIRE_UDP_LEN : 0));
}

static void set_common(struct esp_sa *sa, const struct xswan_dp_sa_add *m)
{
	sa->config = m->sa;
	sa->dir = m->dir;
	sa->esn = m->sa.flags & XSWAN_SA_ESN;
	sa->spi = m->sa.spi;
	sa->mtu = m->sa.mtu;
}

static void set_sizes(struct esp_sa *sa, const struct esp_alg *alg)
{
	sa->esp_len = (uint8_t)(sizeof(struct wire_esp) + alg->iv_len);
	sa->icv_len = alg->icv_len;
	sa->least = sa->esp_len + alg->align + alg->icv_len;
	sa->pad_mask = alg->align - 1;
	sa->iv_random = alg->iv_random;
}

static int set_key(struct esp_sa *sa, const struct xswan_dp_sa_add *m, char *why, size_t size)
{
	const struct esp_alg *alg = esp_alg(m->sa.alg);

	sa->key = sa->crypto->key_new(m->sa.alg, m->key, m->key_len);
	if (!sa->key)
		return refuse(why, size, -errno, "%s cannot take the key for %s: %s", sa->crypto->name, alg->name,
			      strerror(errno));
	memcpy(sa->salt, m->key + alg->key_len, alg->salt_len);
	set_sizes(sa, alg);
	return 0;
}

static uint32_t template_ip4(struct esp_outbound *out, const struct xswan_sa *sa, uint8_t proto)
{
	struct wire_ip4 ip = { .version_ihl = 0x45, .ttl = OUTER_TTL, .proto = proto };

	memcpy(&ip.src, sa->src, sizeof(ip.src));
	memcpy(&ip.dst, sa->dst, sizeof(ip.dst));
	memcpy(out->header, &ip, sizeof(ip));
	out->ip_sum = checksum_fold(checksum_add(0, &ip, sizeof(ip)));
	return sizeof(ip);
}

static uint32_t template_ip6(struct esp_outbound *out, const struct xswan_sa *sa, uint8_t proto)
{
	struct wire_ip6 ip = { .version_class_flow = htonl(6u << 28), .hop_limit = OUTER_TTL, .next = proto };

	memcpy(ip.src, sa->src, sizeof(ip.src));
	memcpy(ip.dst, sa->dst, sizeof(ip.dst));
	memcpy(out->header, &ip, sizeof(ip));
	return sizeof(ip);
}

static void set_template(struct esp_sa *sa)
{
	const struct wire_udp udp = { .sport = sa->sport, .dport = sa->dport };
	const uint8_t proto = sa->udp ? IPPROTO_UDP : IPPROTO_ESP;
	struct esp_outbound *out = &sa->out;
	uint32_t len = 0;

	if (sa->config.mode == XSWAN_MODE_TUNNEL)
		len = sa->config.family == 6 ? template_ip6(out, &sa->config, proto) : template_ip4(out, &sa->config, proto);
	if (sa->udp)
		memcpy(out->header + len, &udp, sizeof(udp));
	memcpy(out->header + sa->outer_len, &sa->spi, sizeof(sa->spi));
}

/* A batch may be between its two passes, and each asks anew whether there is a shape: what has one keeps one. */
static void set_shape(struct esp_sa *sa)
{
	sa->shape = (uint8_t)(shape_of(&sa->config) | (esp_sa_dummy_rate(sa) ? ESP_SHAPE_DUMMY : 0) |
			      (sa->dir == XSWAN_DP_IN && sa->shape ? ESP_SHAPE_MOVED : 0));
}

void esp_sa_set_path(struct esp_sa *sa)
{
	set_shape(sa);
	sa->udp = sa->config.flags & XSWAN_SA_UDP_ENCAP;
	sa->outer_len = outer_len_of(&sa->config);
	sa->front = sa->outer_len + sa->esp_len;
	sa->overhead = sa->front + ESP_TRAILER + sa->icv_len;
	memcpy(&sa->src, sa->config.src, sizeof(sa->src));
	memcpy(&sa->dst, sa->config.dst, sizeof(sa->dst));
	sa->sport = sa->config.sport;
	sa->dport = sa->config.dport;
	if (sa->dir == XSWAN_DP_OUT)
		set_template(sa);
	else
		sa->in.follow = sa->config.flags & XSWAN_SA_FOLLOW;
}

static void stat_reset(struct xswan_sa_stat *stat, uint64_t uid)
{
	/* The uid goes first and comes last: a crash in between leaves a line that is nobody's. */
	__atomic_store_n(&stat->uid, 0, __ATOMIC_SEQ_CST);
	*stat = (struct xswan_sa_stat){ 0 };
	__atomic_store_n(&stat->uid, uid, __ATOMIC_RELEASE);
}

/* What this SA's line in the pinned figures says of its past. */
static int resume_out(struct esp_sa *sa, char *why, size_t size)
{
	struct xswan_sa_stat *stat = sa->stat;

	if (stat->uid != sa->config.uid) {
		stat_reset(stat, sa->config.uid);
		return 0;
	}
	if (stat->seq >= esp_seq_max(sa) - ESP_SEQ_JUMP)
		return refuse(why, size, -ERANGE, "sequence number %llu leaves no room for the safe jump of %u: rekey",
			      (unsigned long long)stat->seq, ESP_SEQ_JUMP);
	__atomic_fetch_add(&stat->seq, ESP_SEQ_JUMP, __ATOMIC_RELAXED);
	return 0;
}

static int resume_in(struct esp_sa *sa, uint32_t window, char *why, size_t size)
{
	struct xswan_sa_stat *stat = sa->stat;
	uint64_t top = stat->uid == sa->config.uid ? stat->seq : 0;
	int err = replay_init(&sa->in.replay, window, sa->esn, top);

	if (err == -ERANGE)
		return refuse(why, size, err, "replay window at %llu, beyond 32-bit sequence numbers",
			      (unsigned long long)top);
	if (err)
		return refuse(why, size, err, "no memory for a replay window of %u packets", window);
	sa->in.stray = calloc(1, sizeof(*sa->in.stray));
	if (!sa->in.stray)
		return refuse(why, size, -ENOMEM, "out of memory");
	if (stat->uid != sa->config.uid)
		stat_reset(stat, sa->config.uid);
	return 0;
}

int esp_sa_new(struct esp_sa **out, const struct crypto_backend *crypto, const struct xswan_dp_sa_add *m,
	       struct xswan_sa_stat *stat, char *why, size_t why_size)
{
	struct esp_sa *sa = NULL;
	int err;

	*out = NULL;
	err = esp_sa_check_outer(&m->sa, why, why_size);
	err = err ? err : check_header(&m->sa, why, why_size);
	err = err ? err : check_key(m, why, why_size);
	err = err ? err : check_direction(m, why, why_size);
	if (err)
		return err;
	sa = secmem_alloc(sizeof(*sa)); /* holds the salt */
	if (!sa)
		return refuse(why, why_size, -errno, "no locked memory for an SA: %s (RLIMIT_MEMLOCK?)",
			      strerror(errno));
	sa->crypto = crypto;
	sa->stat = stat;
	set_common(sa, m);
	err = set_dummies(sa, m, why, why_size);
	err = err ? err : set_selectors(sa, m, why, why_size);
	if (err)
		goto out;
	err = set_key(sa, m, why, why_size);
	if (err)
		goto out;
	esp_sa_set_path(sa);
	if (m->dir == XSWAN_DP_OUT)
		err = resume_out(sa, why, why_size);
	else
		err = resume_in(sa, m->replay_window, why, why_size);
	if (!err)
		esp_life_begin(sa, m);
out:
	if (err)
		esp_sa_free(sa);
	else
		*out = sa;
	return err;
}

void esp_sa_set_drops(struct esp_sa *sa, struct xswan_sa_drops *line)
{
	if (line->uid != sa->config.uid) {
		__atomic_store_n(&line->uid, 0, __ATOMIC_SEQ_CST);
		*line = (struct xswan_sa_drops){ 0 };
		__atomic_store_n(&line->uid, sa->config.uid, __ATOMIC_RELEASE);
	}
	sa->drops = line;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (!sa)
		return;
	if (sa->dir == XSWAN_DP_IN) {
		replay_free(&sa->in.replay);
		free(sa->in.stray);
	}
	sa->crypto->key_free((struct crypto_key *)sa->key);
	free(sa->selectors6);
	secmem_free(sa, sizeof(*sa));
}

uint32_t esp_sa_dummy_rate(const struct esp_sa *sa)
{
	return sa->dir == XSWAN_DP_OUT ? sa->dummy.rate : 0;
}

const struct xswan_sa *esp_sa_config(const struct esp_sa *sa)
{
	return &sa->config;
}

void esp_sa_set_mtu(struct esp_sa *sa, uint16_t mtu)
{
	if (__atomic_load_n(&sa->mtu, __ATOMIC_RELAXED) != mtu)
		__atomic_store_n(&sa->mtu, mtu, __ATOMIC_RELAXED);
}

void esp_sa_set_tell(struct esp_sa *sa, void (*tell)(void *ctx, uint32_t index), void *ctx, uint32_t index)
{
	sa->life.tell = tell;
	sa->life.ctx = ctx;
	sa->life.index = index;
}

enum xswan_dp_limit_kind esp_sa_soft(const struct esp_sa *sa)
{
	return __atomic_load_n(&sa->life.soft, __ATOMIC_ACQUIRE);
}

enum xswan_dp_limit_kind esp_sa_hard(const struct esp_sa *sa)
{
	return __atomic_load_n(&sa->life.hard, __ATOMIC_ACQUIRE);
}

/* Transport mode: an IPv4 packet without DF may be fragmented once it is sealed, where the peer's kernel can put it together. */
static uint32_t transport_mtu(const struct esp_sa *sa, const uint8_t *packet)
{
	const bool df = ((const struct wire_ip4 *)packet)->frag & htons(WIRE_IP4_DF);

	return sa->config.family == 4 && !df && !sa->udp ? UINT16_MAX : sa->mtu;
}

uint32_t esp_sa_mtu(const struct esp_sa *sa, const uint8_t *packet)
{
	if (!sa->mtu)
		return 0;
	if (sa->shape & ESP_SHAPE_TRANSPORT)
		return transport_mtu(sa, packet);
	return sa->mtu < WIRE_IP6_MTU_MIN && wire_version(packet) == 6 ? WIRE_IP6_MTU_MIN : sa->mtu;
}

static bool names_ports(const struct esp_selector_ports *s)
{
	return !s->any_port;
}

bool esp_sa_selects_ports(const struct esp_sa *sa)
{
	const struct esp_selectors6 *six = sa->selectors6;

	for (uint32_t i = 0; i < sa->local_count + sa->remote_count; i++)
		if (names_ports(&sa->selector[i].ports))
			return true;
	for (uint32_t i = 0; six && i < six->local_count + six->remote_count; i++)
		if (names_ports(&six->selector[i].ports))
			return true;
	return false;
}
