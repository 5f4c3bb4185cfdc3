/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_move.h"

#include <errno.h>
#include <netinet/in.h>

#include "../lib/secmem.h"
#include "checksum.h"
#include "esp_sa.h"

static struct esp_place place_of(const uint8_t addr[16], __be16 port)
{
	struct esp_place place = { .port = port };

	memcpy(place.addr, addr, sizeof(place.addr));
	return place;
}

static bool place_equal(const struct esp_place *a, const struct esp_place *b)
{
	return a->port == b->port && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* The source of a packet whose UDP header ends where ESP begins. */
static struct esp_place source_of(const struct esp_packet *p, const struct wire_esp *esp)
{
	const struct wire_udp *udp = (const struct wire_udp *)esp - 1;
	struct esp_place place = { .port = udp->sport };

	if (wire_version(p->data) == 6)
		memcpy(place.addr, ((const struct wire_ip6 *)p->data)->src, sizeof(place.addr));
	else
		memcpy(place.addr, &((const struct wire_ip4 *)p->data)->src, sizeof(uint32_t));
	return place;
}

static const struct wire_esp *newest(const struct esp_sa *sa, const struct esp_packet **p, unsigned int count,
				     struct wire_esp *const *esp)
{
	for (unsigned int i = count; i-- > 0;) {
		if (!esp[i] || (*p)[i].drop != XSWAN_DROP_NONE || (*p)[i].seq != sa->in.replay.top)
			continue;
		*p += i;
		return esp[i];
	}
	return NULL;
}

static bool headers_intact(const uint8_t *ip, const struct wire_udp *udp)
{
	const uint32_t len = ntohs(udp->len);
	const uint64_t pseudo = checksum_pseudo(ip, IPPROTO_UDP, len);

	if (wire_version(ip) == 4 &&
	    checksum_fold(checksum_add(0, ip, wire_ip4_header_len((const struct wire_ip4 *)ip))) != 0xffff)
		return false;
	/* none; left to hardware by a host that shares this machine's memory; or right */
	return !udp->check || udp->check == checksum_fold(pseudo) ||
	       checksum_fold(checksum_add(pseudo, udp, len)) == 0xffff;
}

bool esp_move_believable(const struct esp_sa *sa, const struct esp_packet *p, uint32_t udp_at)
{
	const struct wire_udp *udp = (const struct wire_udp *)(p->data + udp_at);
	const struct esp_place is = place_of(sa->config.src, sa->config.sport);
	const struct esp_place from = source_of(p, (const struct wire_esp *)(udp + 1));

	return place_equal(&from, &is) || headers_intact(p->data, udp);
}

bool esp_move_notice(struct esp_sa *sa, const struct esp_packet *p, unsigned int count, struct wire_esp *const *esp)
{
	const struct esp_place is = place_of(sa->config.src, sa->config.sport);
	const struct wire_esp *header = newest(sa, &p, count, esp);
	struct esp_move *move = &sa->move;
	struct esp_place from;
	bool news;

	if (!header)
		return false;
	from = source_of(p, header);
	if (!move->pending && (place_equal(&from, &is) || !place_equal(&from, &move->sighted))) {
		move->sighted = from;
		return false;
	}
	news = !move->pending;
	move->to = from; /* if it is back: whoever looks finds that there is nothing to do */
	move->pending = true;
	return news;
}

int esp_sa_take_move(struct esp_sa *sa, uint64_t now, struct xswan_dp_moved *m)
{
	const struct esp_place is = place_of(sa->config.src, sa->config.sport);
	struct esp_move *move = &sa->move;
	struct esp_place to;

	if (!__atomic_load_n(&move->pending, __ATOMIC_RELAXED))
		return 0;
	if (now <= move->taken_at)
		return -EAGAIN;
	esp_inbound_lock(&sa->in);
	to = move->to;
	move->pending = false;
	esp_inbound_unlock(&sa->in);
	if (place_equal(&to, &is))
		return 0;
	move->taken_at = now;
	*m = (struct xswan_dp_moved){
		.uid = sa->config.uid, .from_port = is.port, .to_port = to.port, .family = sa->config.family
	};
	memcpy(m->from_addr, is.addr, sizeof(is.addr));
	memcpy(m->to_addr, to.addr, sizeof(to.addr));
	return 1;
}

void esp_sa_put_back_move(struct esp_sa *sa)
{
	__atomic_store_n(&sa->move.pending, true, __ATOMIC_RELAXED);
}

static void set_path(struct esp_sa *sa, const struct xswan_dp_sa_move *m)
{
	memcpy(sa->config.src, m->src, sizeof(sa->config.src));
	memcpy(sa->config.dst, m->dst, sizeof(sa->config.dst));
	sa->config.sport = m->sport;
	sa->config.dport = m->dport;
	sa->config.family = m->family;
	sa->config.flags = (uint8_t)((sa->config.flags & ~XSWAN_SA_PATH_FLAGS) | m->flags);
	esp_sa_set_path(sa);
}

/* What was seen so far was seen before: whoever moves the SA may know better, and the next packets say it again. */
void esp_sa_move_in(struct esp_sa *sa, const struct xswan_dp_sa_move *m)
{
	esp_inbound_lock(&sa->in);
	set_path(sa, m);
	sa->move = (struct esp_move){ .taken_at = sa->move.taken_at };
	esp_inbound_unlock(&sa->in);
}

struct esp_sa *esp_sa_move_out(const struct esp_sa *sa, const struct xswan_dp_sa_move *m)
{
	struct esp_sa *copy = secmem_alloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *sa;
	set_path(copy, m);
	return copy;
}

void esp_sa_moved_out(struct esp_sa *to, struct esp_sa *from)
{
	esp_life_inherit(to, from);
	secmem_free(from, sizeof(*from));
}
