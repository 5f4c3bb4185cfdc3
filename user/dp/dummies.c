/* SPDX-License-Identifier: Apache-2.0 */
/* Dummy packets of the SAs whose slot is this worker's: esp_dummy.h says when, here they are made and put into batches. */
#include <linux/if_ether.h>

#include "esp_dummy.h"
#include "worker_io.h"

#define LOOK_AGAIN_NS 100000000ull /* for SAs that begin to carry traffic */
#define TAIL 64u /* trailer and ICV */
#define LEN_MAX (FRAME_ROOM - ETH_HLEN - TAIL) /* where padding for small packets ends, too */

static bool add_one(struct worker *w, struct esp_sa *sa, uint32_t mtu)
{
	struct batch *b = w->filling[ESP_SEAL];
	struct esp_packet *p = &b->packets[b->count];
	const uint32_t len = esp_dummy_len(sa, mtu);
	const uint64_t addr = len ? frame_get(&w->pool) : UINT64_MAX;

	if (addr == UINT64_MAX)
		return false;
	*p = (struct esp_packet){ .data = frame_data(w, addr + XDP_PACKET_HEADROOM),
				  .headroom = XDP_PACKET_HEADROOM - L2_MAX,
				  .tailroom = frame_size(&w->pool, addr) - XDP_PACKET_HEADROOM - len };
	esp_dummy_make(sa, p, len);
	b->count++;
	if (b->count == BATCH)
		batch_launch(w, ESP_SEAL);
	return true;
}

/* Only on the SA that carries the tunnel's traffic. */
static uint32_t add_due(struct worker *w, uint32_t slot, uint64_t now, uint64_t *next)
{
	struct esp_sa *sa = sa_table_out(w->dp->sas, slot);
	const struct xswan_tunnel *tunnel;
	uint32_t due, added = 0, mtu;

	*next = now + LOOK_AGAIN_NS;
	if (!sa || !esp_sa_dummy_rate(sa))
		return 0;
	tunnel = &w->dp->programs.tunnels[esp_sa_config(sa)->tunnel];
	if (__atomic_load_n(&tunnel->sa_out, __ATOMIC_ACQUIRE) != slot) {
		esp_dummy_pause(sa);
		return 0;
	}
	mtu = __atomic_load_n(&tunnel->mtu, __ATOMIC_RELAXED);
	esp_sa_set_mtu(sa, (uint16_t)mtu);
	if (!mtu || mtu > LEN_MAX)
		mtu = LEN_MAX;
	for (due = esp_dummy_due(sa, now, BATCH, next); added < due; added++)
		if (!add_one(w, sa, mtu))
			break;
	return added;
}

uint32_t dummies_add(struct worker *w)
{
	uint32_t count, added = 0;
	const uint32_t *slots = sa_table_dummies(w->dp->sas, &count);
	uint64_t now, next;

	if (!count) {
		w->dummies_at = 0;
		return 0;
	}
	now = worker_nanoseconds();
	if (now < w->dummies_at)
		return 0;
	w->dummies_at = now + LOOK_AGAIN_NS;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t slot = __atomic_load_n(&slots[i], __ATOMIC_RELAXED);

		if (slot % w->dp->owner_count != w->id)
			continue;
		added += add_due(w, slot, now, &next);
		if (next < w->dummies_at)
			w->dummies_at = next;
	}
	return added;
}
