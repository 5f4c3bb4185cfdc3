/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XSWAN_IKE_RECONCILE_H
#define XSWAN_IKE_RECONCILE_H

#include "child.h"

/* A Child SA is up whose negotiation began under an earlier configuration: it follows that of today. */
void reconcile_installed(struct ike_sa *sa, struct child *c);

/*
 * Our rekey was to bring other selectors than the old one has, for those are configured now; the peer has refused them, or
 * has brought less (with `child`). Some peers rekey by the configuration that the old one was made from, but make another by
 * that of today: so then another is asked for. old NULL: it has gone.
 */
void reconcile_refused(const struct child *child, struct child *old);
void reconcile_rekeyed(struct ike_sa *sa, const struct child *old, struct child *child);

#endif
