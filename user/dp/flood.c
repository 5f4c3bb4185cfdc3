/* SPDX-License-Identifier: Apache-2.0 */
#include "flood.h"

#include <inttypes.h>
#include <stdbool.h>

#include <xswan/drops.h>

#include "../lib/log.h"
#include "../lib/pinned.h"

void flood_watch(struct flood *f, int fd)
{
	uint64_t drops[XSWAN_DROP_COUNT], now;
	bool more;

	if (pinned_percpu_sum(fd, drops, XSWAN_DROP_COUNT))
		return;
	now = drops[XSWAN_DROP_IKE_FLOOD];
	more = f->asked && now > f->dropped;
	f->asked = true;
	if (more && f->quiet == FLOOD_OVER) {
		f->since = f->dropped;
		log_warn("a flood of IKE_SA_INIT requests: %" PRIu64 " dropped within a second (ike.init_rate); tunnels and "
			 "known peers are not affected", now - f->dropped);
	}
	if (more)
		f->quiet = 0;
	else if (f->quiet < FLOOD_OVER && ++f->quiet == FLOOD_OVER)
		log_info("the flood of IKE_SA_INIT requests is over: %" PRIu64 " were dropped", now - f->since);
	f->dropped = now;
}
