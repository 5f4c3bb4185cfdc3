/* SPDX-License-Identifier: Apache-2.0 */
#include "path_mtu.h"

#include <arpa/inet.h>
#include <string.h>

/* RFC 1191 section 7.1: the sizes that links have. The next one below is tried where a router does not say. */
static uint32_t plateau_below(uint32_t len)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, PATH_MTU_MIN4 };
	unsigned int i = 0;

	while (i + 1 < sizeof(plateaus) / sizeof(plateaus[0]) && plateaus[i] >= len)
		i++;
	return plateaus[i];
}

static bool is_of(const struct too_big *m, const struct xswan_sa *sa)
{
	const bool udp = sa->flags & XSWAN_SA_UDP_ENCAP;

	return sa->flags & XSWAN_SA_LIVE && m->spi == ntohl(sa->spi) && m->src.family == sa->family &&
	       !memcmp(m->src.ip, sa->src, addr_len(&m->src)) && !memcmp(m->dst.ip, sa->dst, addr_len(&m->dst)) &&
	       m->sport == (udp ? ntohs(sa->sport) : 0) && m->dport == (udp ? ntohs(sa->dport) : 0);
}

/* With ESN the packet shows the low half of its number only, which is enough to count back from the last one used. */
static bool was_sent(uint32_t seq, const struct xswan_sa *sa, const struct xswan_sa_stat *stat)
{
	const uint64_t last = __atomic_load_n(&stat->seq, __ATOMIC_RELAXED);
	const uint32_t back = (uint32_t)last - seq;

	return __atomic_load_n(&stat->uid, __ATOMIC_ACQUIRE) == sa->uid && back < last && back < PATH_MTU_RECENT;
}

uint32_t path_mtu_proved(const struct too_big *m, const struct xswan_sa *sa, const struct xswan_sa_stat *stat,
			 uint32_t floor4, bool *ours)
{
	uint32_t mtu = m->mtu;

	*ours = is_of(m, sa);
	if (!*ours || !was_sent(m->seq, sa, stat))
		return 0;
	if (!mtu && sa->family == 4)
		mtu = plateau_below(m->len);
	if (mtu >= m->len || mtu < (sa->family == 4 ? PATH_MTU_MIN4 : PATH_MTU_MIN6)) /* RFC 8201 section 4 */
		return 0;
	return sa->family == 4 && mtu < floor4 ? floor4 : mtu;
}

static bool is_path_of(const struct path_mtu *p, const struct xswan_sa *sa)
{
	return p->mtu && !memcmp(p->src, sa->src, sizeof(p->src)) && !memcmp(p->dst, sa->dst, sizeof(p->dst));
}

uint32_t path_mtu_of(const struct path_mtu *p, const struct xswan_sa *sa)
{
	return is_path_of(p, sa) && p->mtu < sa->path_mtu ? p->mtu : sa->path_mtu;
}

bool path_mtu_learn(struct path_mtu *p, const struct xswan_sa *sa, uint32_t mtu, uint64_t now)
{
	const uint32_t before = path_mtu_of(p, sa);

	if (mtu > before) /* RFC 8201 section 4: never a reason for larger packets */
		return false;
	if (mtu == before && !is_path_of(p, sa)) /* the route's own */
		return false;
	p->mtu = mtu;
	p->learned = now;
	memcpy(p->src, sa->src, sizeof(p->src));
	memcpy(p->dst, sa->dst, sizeof(p->dst));
	return mtu < before;
}

bool path_mtu_forget(struct path_mtu *p, uint64_t now)
{
	if (!p->mtu || now - p->learned < PATH_MTU_SECONDS)
		return false;
	*p = (struct path_mtu){ 0 };
	return true;
}
