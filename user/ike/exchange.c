/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <errno.h>

#include "child_create.h"
#include "ike_auth.h"
#include "ike_init.h"
#include "ike_rekey.h"
#include "informational.h"

#define BIT(id) PAYLOAD_BIT(id)
#define ANY_TIME (BIT(NOTIFY) | BIT(VENDOR)) /* in every message, and nothing follows from them */

static const uint32_t certificates = BIT(CERT) | BIT(CERTREQ);
static const uint32_t child_payloads = BIT(SA) | BIT(TSI) | BIT(TSR);

enum { INIT, AUTH, CREATE_CHILD, REKEY_IKE, DELETE, NOTIFICATION, LIVENESS };

/* RFC 7296 sections 1.2 to 1.4 and Appendix C, which lists what may be where */
const struct exchange exchanges[EXCHANGE_COUNT] = {
	[INIT] = {
		.name = "IKE_SA_INIT",
		.task = "IKE_INIT",
		.type = IKE_SA_INIT,
		.clear = true,
		.request_required = BIT(SA) | BIT(KE) | BIT(NONCE),
		.request_optional = ANY_TIME,
		.response_required = BIT(SA) | BIT(KE) | BIT(NONCE),
		.response_optional = ANY_TIME | BIT(CERTREQ),
		.build = ike_init_build,
		.on_response = ike_init_response,
		.on_timeout = ike_init_timeout,
	},
	[AUTH] = {
		.name = "IKE_AUTH",
		.task = "IKE_AUTH",
		.type = IKE_AUTH,
		.phases = PHASE_HALF_OPEN,
		/* AUTH is missing from a peer that wants EAP: refused with a reason */
		.request_required = BIT(IDI),
		.request_optional = child_payloads | BIT(AUTH) | BIT(IDR) | certificates | BIT(CP) | ANY_TIME,
		.response_required = BIT(IDR) | BIT(AUTH),
		.response_optional = child_payloads | BIT(CERT) | BIT(CP) | ANY_TIME,
		.build = ike_auth_build,
		.on_response = ike_auth_response,
		.on_timeout = ike_auth_timeout,
		.on_request = ike_auth_request,
	},
	[CREATE_CHILD] = {
		.name = "CREATE_CHILD_SA",
		.task = "CHILD_CREATE",
		.type = CREATE_CHILD_SA,
		.with = BIT(TSI),
		.phases = PHASES_UP,
		.request_required = child_payloads | BIT(NONCE),
		.request_optional = BIT(KE) | BIT(CP) | ANY_TIME,
		.response_required = child_payloads | BIT(NONCE),
		.response_optional = BIT(KE) | BIT(CP) | ANY_TIME,
		.build = create_child_build,
		.on_response = create_child_response,
		.on_timeout = create_child_timeout,
		.on_request = create_child_request,
	},
	[REKEY_IKE] = {
		.name = "CREATE_CHILD_SA (rekey of the IKE SA)",
		.task = "IKE_REKEY",
		.type = CREATE_CHILD_SA,
		.without = BIT(TSI),
		.phases = PHASES_UP,
		.request_required = BIT(SA) | BIT(NONCE) | BIT(KE),
		.request_optional = ANY_TIME,
		.response_required = BIT(SA) | BIT(NONCE) | BIT(KE),
		.response_optional = ANY_TIME,
		.build = rekey_ike_build,
		.on_response = rekey_ike_response,
		.on_timeout = rekey_ike_timeout,
		.on_request = rekey_ike_request,
	},
	[DELETE] = {
		.name = "INFORMATIONAL (delete)",
		.task = "IKE_DELETE",
		.type = INFORMATIONAL,
		.with = BIT(DELETE),
		.phases = PHASES_UP,
		.request_required = BIT(DELETE),
		.request_optional = BIT(CP) | ANY_TIME,
		.response_optional = BIT(DELETE) | BIT(CP) | ANY_TIME,
		.build = delete_build,
		.on_response = delete_response,
		.on_timeout = delete_timeout,
		.on_request = delete_request,
	},
	[NOTIFICATION] = {
		.name = "INFORMATIONAL (notify)",
		.task = "INFORMATIONAL",
		.type = INFORMATIONAL,
		.with = BIT(NOTIFY),
		.without = BIT(DELETE),
		.phases = PHASES_UP,
		.request_required = BIT(NOTIFY),
		.request_optional = BIT(CP) | BIT(VENDOR),
		.response_optional = BIT(DELETE) | BIT(CP) | ANY_TIME,
		.build = notify_build,
		.on_response = notify_response,
		.on_timeout = notify_timeout,
		.on_request = notify_request,
	},
	[LIVENESS] = {
		.name = "INFORMATIONAL (liveness)",
		.task = "IKE_DPD",
		.type = INFORMATIONAL,
		.without = BIT(DELETE) | BIT(NOTIFY),
		.phases = PHASES_UP,
		.request_optional = BIT(CP) | BIT(VENDOR),
		.response_optional = BIT(DELETE) | BIT(CP) | ANY_TIME,
		.build = liveness_build,
		.on_response = liveness_response,
		.on_timeout = liveness_timeout,
		.on_request = liveness_request,
	},
};

const struct exchange *const exchange_ike_sa_init = &exchanges[INIT];
const struct exchange *const exchange_ike_auth = &exchanges[AUTH];
const struct exchange *const exchange_create_child = &exchanges[CREATE_CHILD];
const struct exchange *const exchange_rekey_ike = &exchanges[REKEY_IKE];
const struct exchange *const exchange_delete = &exchanges[DELETE];
const struct exchange *const exchange_notify = &exchanges[NOTIFICATION];
const struct exchange *const exchange_liveness = &exchanges[LIVENESS];

const struct exchange *exchange_find(uint8_t type, uint32_t seen)
{
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct exchange *x = &exchanges[i];

		if (x->type == type && (seen & x->with) == x->with && !(seen & x->without))
			return x;
	}
	return NULL;
}
