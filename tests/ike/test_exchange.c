/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange table: every request has one record, and the payload sets make sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/ike/exchange.h"

#define ALL ((1u << PAYLOAD_COUNT) - 1)

/* Whatever payloads a request of a known type has, exactly one record is for it. */
static void one_record_each(void **state)
{
	for (int type = 0; type < 256; type++) {
		uint32_t bits = 0, seen = 0;
		bool known = false;

		for (int i = 0; i < EXCHANGE_COUNT; i++) {
			if (exchanges[i].type == type) {
				known = true;
				bits |= exchanges[i].with | exchanges[i].without;
			}
		}
		do { /* every subset of the payloads that tell records apart */
			int matches = 0;

			for (int i = 0; i < EXCHANGE_COUNT; i++) {
				const struct exchange *x = &exchanges[i];

				matches += x->type == type && (seen & x->with) == x->with && !(seen & x->without);
			}
			assert_int_equal(matches, known);
			assert_int_equal(exchange_find(type, seen) != NULL, known);
			seen = (seen - bits) & bits;
		} while (seen);
	}
}

static void sets(void **state)
{
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct exchange *x = &exchanges[i];
		uint32_t request = x->request_required | x->request_optional;
		uint32_t response = x->response_required | x->response_optional;

		assert_false(x->request_required & x->request_optional);
		assert_false(x->response_required & x->response_optional);
		assert_false((request | response) & ~ALL);
		assert_false(x->with & x->without);
		assert_int_equal(x->with & ~x->request_required, 0); /* what tells it apart is required */
		assert_int_equal(x->without & request, 0);
		assert_false((request | response) & PAYLOAD_BIT(SK)); /* there is none inside another */
		if (x->clear) /* identities and proofs never go in the clear */
			assert_false((request | response) &
				     (PAYLOAD_BIT(IDI) | PAYLOAD_BIT(IDR) | PAYLOAD_BIT(AUTH) | PAYLOAD_BIT(DELETE)));
	}
}

static void functions(void **state)
{
	for (int i = 0; i < EXCHANGE_COUNT; i++) {
		const struct exchange *x = &exchanges[i];

		assert_non_null(x->name);
		/* a request in the clear has no IKE SA yet: ike_init_request serves it */
		assert_int_equal(x->on_request == NULL, x->clear);
		assert_int_equal(x->phases == 0, x->clear);
		/* what we start, we can also finish and give up */
		assert_int_equal(x->build == NULL, x->on_response == NULL);
		assert_int_equal(x->build == NULL, x->on_timeout == NULL);
		assert_false(x->phases & (PHASE_LINGER | PHASE_DEAD | PHASE_INIT | PHASE_AUTH_SENT));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(x->name, exchanges[j].name);
	}
	assert_int_equal(exchange_ike_sa_init->type, IKE_SA_INIT);
	assert_true(exchange_ike_sa_init->clear);
	assert_int_equal(exchange_ike_auth->phases, PHASE_HALF_OPEN); /* nobody authenticates twice */
	assert_ptr_equal(exchange_find(INFORMATIONAL, 0), exchange_liveness);
	assert_ptr_equal(exchange_find(INFORMATIONAL, PAYLOAD_BIT(NOTIFY) | PAYLOAD_BIT(DELETE)), exchange_delete);
	assert_ptr_equal(exchange_find(INFORMATIONAL, PAYLOAD_BIT(NOTIFY)), exchange_notify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_record_each),
		cmocka_unit_test(sets),
		cmocka_unit_test(functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
