/* SPDX-License-Identifier: Apache-2.0 */
/* Transport mode (RFC 7296 section 1.3.1), for the two hosts themselves, and the addresses that a NAT hides (2.23.1). */
#ifndef XSWAN_IKE_TRANSPORT_H
#define XSWAN_IKE_TRANSPORT_H

#include "ike_sa.h"
#include "narrow.h"

/* Are these the selectors of the two addresses themselves? No others have a header that can stay outside. */
bool transport_fits(const struct addr *own, const struct addr *peer, const struct ts_list *local,
		    const struct ts_list *remote);

/*
 * As responder: an address that NAT changed on its way becomes the one seen here, so that it matches. `original` is what
 * it was, family 0 when nothing was changed; transport_restore puts it into the answer.
 */
void transport_substitute(struct ts_received *ts, const struct addr *seen, struct addr *original);
void transport_restore(struct ts_list *ts, const struct addr *original);

#endif
