/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XSWAN_IKE_RECONCILE_H
#define XSWAN_IKE_RECONCILE_H

#include "child.h"

/* A Child SA is up whose negotiation began under an earlier configuration: it follows that of today. */
void reconcile_installed(struct ike_sa *sa, struct child *c);

#endif
