/* SPDX-License-Identifier: Apache-2.0 */
#include "sa_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../lib/log.h"
#include "../lib/secmem.h"
#include "auth.h"

void sa_pair_free(struct sa_pair *pair)
{
	if (pair)
		secmem_free(pair->keys, 2 * pair->key_len);
	free(pair);
}

static void header_init(struct xswan_sa *sa, const struct child_install *c, uint64_t uid, uint32_t spi)
{
	sa->uid = uid;
	sa->spi = htonl(spi);
	sa->tunnel = c->child->tunnel;
	sa->alg = c->alg;
	sa->mode = c->transport ? XSWAN_MODE_TRANSPORT : XSWAN_MODE_TUNNEL;
	if (!c->transport) {
		sa->header = c->child->header;
		sa->dscp = c->child->dscp;
	}
	sa->flags = XSWAN_SA_LIVE | (c->esn ? XSWAN_SA_ESN : 0);
}

/* Addresses and ports as on the wire, from one end to the other. */
static void header_set_path(struct xswan_sa *sa, const struct endpoint *from, const struct endpoint *to, uint8_t flags)
{
	const bool udp = flags & XSWAN_SA_UDP_ENCAP;

	sa->family = from->addr.family;
	sa->flags = (sa->flags & ~XSWAN_SA_PATH_FLAGS) | flags;
	memcpy(sa->src, from->addr.ip, sizeof(sa->src));
	memcpy(sa->dst, to->addr.ip, sizeof(sa->dst));
	sa->sport = udp ? htons(from->port) : 0;
	sa->dport = udp ? htons(to->port) : 0;
}

void sa_pair_set_path(struct sa_pair *pair, const struct child_path *path)
{
	const uint8_t udp = path->encap ? XSWAN_SA_UDP_ENCAP : 0;

	if (path->directions & CHILD_IN)
		header_set_path(&pair->in, &path->remote, &path->local, udp | (path->follow ? XSWAN_SA_FOLLOW : 0));
	if (path->directions & CHILD_OUT)
		header_set_path(&pair->out, &path->local, &path->remote, udp);
}

static void init_headers(struct sa_pair *pair, const struct child_install *c, const uint64_t uid[static 2])
{
	const struct child_path path = { c->local, c->remote, c->encap, c->follow, CHILD_IN | CHILD_OUT };

	header_init(&pair->in, c, uid[0], c->spi_in);
	header_init(&pair->out, c, uid[1], c->spi_out);
	pair->out.tfc = c->transport || c->no_tfc ? 0 : c->child->tfc;
	sa_pair_set_path(pair, &path);
}

/* Once in full: at the limit every further SA fails, and each says so where it is negotiated. */
static void log_no_memory(int err)
{
	static bool told;
	char why[256];

	secmem_explain(err, why, sizeof(why));
	log_write(told ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "no locked memory for the keys of a Child SA: %s", why);
	told = true;
}

static int set_keys(struct sa_pair *pair, const struct child_install *c)
{
	int err;

	pair->keys = secmem_alloc(2 * c->key_len);
	if (!pair->keys) {
		err = errno;
		log_no_memory(err);
		return -err;
	}
	pair->key_len = c->key_len;
	memcpy(pair->keys, c->key_in, c->key_len);
	memcpy(pair->keys + c->key_len, c->key_out, c->key_len);
	return 0;
}

int sa_pair_new(const struct child_install *c, uint32_t stat_map_id, struct sa_pair **out)
{
	struct sa_pair *pair = NULL;
	uint64_t uid[2];
	int err;

	if (getrandom(uid, sizeof(uid), 0) != sizeof(uid))
		return -EIO;
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return -ENOMEM;
	err = set_keys(pair, c);
	if (err) {
		sa_pair_free(pair);
		return err;
	}
	pair->slot_in = c->slot_in;
	pair->tunnel = c->child->tunnel;
	pair->stat_map_id = stat_map_id;
	pair->remote_id = *c->remote_id;
	pair->replay_window = c->child->replay_window;
	pair->dummy_rate = c->no_tfc ? 0 : c->child->dummy_rate;
	pair->limits = c->limits;
	pair->rekey = c->rekey;
	pair->retired = c->standby;
	pair->local_ts_count = c->local_ts_count;
	pair->remote_ts_count = c->remote_ts_count;
	memcpy(pair->local_ts, c->local_ts, c->local_ts_count * sizeof(c->local_ts[0]));
	memcpy(pair->remote_ts, c->remote_ts, c->remote_ts_count * sizeof(c->remote_ts[0]));
	init_headers(pair, c, uid);
	*out = pair;
	return 0;
}
