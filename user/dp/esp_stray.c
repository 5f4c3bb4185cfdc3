/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_stray.h"

#include <errno.h>

#include "esp_sa.h"

void esp_stray_notice(const struct esp_sa *sa, const uint8_t *packet, uint32_t len)
{
	struct esp_stray *stray = sa->in.stray;
	enum esp_stray_state none = ESP_STRAY_NONE;

	if (!__atomic_compare_exchange_n(&stray->state, &none, ESP_STRAY_WRITING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	stray->len = len < sizeof(stray->packet) ? len : sizeof(stray->packet);
	memcpy(stray->packet, packet, stray->len);
	__atomic_store_n(&stray->state, ESP_STRAY_THERE, __ATOMIC_RELEASE);
	esp_life_tell(&sa->life);
}

int esp_sa_take_stray(struct esp_sa *sa, uint64_t now, struct xswan_dp_stray *m)
{
	struct esp_stray *stray = sa->in.stray;

	if (__atomic_load_n(&stray->state, __ATOMIC_ACQUIRE) != ESP_STRAY_THERE)
		return 0;
	if (now <= stray->taken_at)
		return -EAGAIN;
	*m = (struct xswan_dp_stray){ .h.op = XSWAN_DP_STRAY, .uid = sa->config.uid, .len = stray->len };
	memcpy(m->packet, stray->packet, stray->len);
	return 1;
}

void esp_sa_drop_stray(struct esp_sa *sa, uint64_t now)
{
	sa->in.stray->taken_at = now;
	__atomic_store_n(&sa->in.stray->state, ESP_STRAY_NONE, __ATOMIC_RELEASE);
}
