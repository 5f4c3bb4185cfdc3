/* SPDX-License-Identifier: Apache-2.0 */
/* Each end and each failure has its code, in the event and in its line of the log, at both ends. */
#include "pair.h"

static struct world *up(void)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.dpd = 10;
	w = world_new_with(&a, &b, NULL);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(sink_count(&w->a), 1);
	assert_int_equal(sink_count(&w->b), 1);
	return w;
}

static const struct line *line_of(const struct side *s, enum ike_log_event event)
{
	for (int i = 0; i < s->line_count; i++)
		if (s->lines[i].event == event)
			return &s->lines[i];
	return NULL;
}

static void ended(const struct side *s, enum ike_event_kind kind, enum ike_log_event event, enum ike_reason reason)
{
	assert_non_null(find_event(s, kind));
	assert_string_equal(ike_reason_word(find_event(s, kind)->reason), ike_reason_word(reason));
	assert_non_null(line_of(s, event));
	assert_string_equal(ike_reason_word(line_of(s, event)->reason), ike_reason_word(reason));
}

static void up_has_none(void **state)
{
	struct world *w = up();

	for (struct side *s = &w->a; s; s = s == &w->a ? &w->b : NULL) {
		ended(s, IKE_EVENT_IKE_UP, IKE_LOG_IKE_UP, IKE_REASON_NONE);
		ended(s, IKE_EVENT_CHILD_UP, IKE_LOG_CHILD_UP, IKE_REASON_NONE);
	}
	world_free(w);
}

static void terminated_and_deleted(void **state)
{
	struct world *w = up();

	assert_int_equal(engine_terminate_child(w->a.e, NULL, "net", 0, w->now), 1);
	world_run(w, SEC);
	ended(&w->a, IKE_EVENT_CHILD_DOWN, IKE_LOG_CHILD_DOWN, IKE_REASON_TERMINATED);
	ended(&w->b, IKE_EVENT_CHILD_DOWN, IKE_LOG_CHILD_DOWN, IKE_REASON_PEER_DELETED);
	assert_int_equal(engine_terminate_ike(w->b.e, "gw", 0, w->now), 1);
	world_run(w, SEC);
	ended(&w->a, IKE_EVENT_IKE_DOWN, IKE_LOG_IKE_DOWN, IKE_REASON_PEER_DELETED);
	ended(&w->b, IKE_EVENT_IKE_DOWN, IKE_LOG_IKE_DOWN, IKE_REASON_TERMINATED);
	world_free(w);
}

static void dead(void **state)
{
	struct world *w = up();

	w->cut = true;
	world_run(w, 100 * SEC);
	ended(&w->a, IKE_EVENT_CHILD_DOWN, IKE_LOG_CHILD_DOWN, IKE_REASON_PEER_DEAD);
	ended(&w->a, IKE_EVENT_IKE_DOWN, IKE_LOG_IKE_DOWN, IKE_REASON_PEER_DEAD);
	world_free(w);
}

static void restarted(void **state)
{
	struct world *w = up();
	struct params a = default_a();

	w->cut = true;
	engine_free(w->a.e);
	w->cut = false;
	side_start(w, &w->a, 'a', "192.0.2.1", NULL);
	side_configure(&w->a, &a);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	ended(&w->b, IKE_EVENT_IKE_DOWN, IKE_LOG_IKE_DOWN, IKE_REASON_PEER_RESTARTED);
	world_free(w);
}

/* What the initiator reports, and what the responder logs. */
static void fails(const struct params *a, const struct params *b, enum ike_reason at_a, enum ike_reason at_b)
{
	struct world *w = world_new_with(a, b, NULL);

	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 60 * SEC);
	ended(&w->a, IKE_EVENT_FAILED, IKE_LOG_FAILED, at_a);
	if (at_b)
		assert_string_equal(ike_reason_word(line_of(&w->b, IKE_LOG_FAILED)->reason), ike_reason_word(at_b));
	world_free(w);
}

static void failures(void **state)
{
	const struct params a = default_a(), b = default_b();
	struct params other;

	other = b;
	other.ike = "aes128gcm16-prfsha256-ecp256";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_NO_PROPOSAL);
	other = b;
	other.esp = "aes128gcm16";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_NO_PROPOSAL);
	other = b;
	other.local_ts = "10.9.0.0/16";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_NO_SELECTORS);
	other = b;
	other.psk = "another secret";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_AUTHENTICATION);
	other = b;
	other.remote_id = "c.example.com";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_IDENTITY);
	other = b;
	other.remote = "192.0.2.77";
	fails(&a, &other, IKE_REASON_PEER_REFUSED, IKE_REASON_NO_CONNECTION);
	other = a;
	other.remote = "192.0.2.99";
	fails(&other, &b, IKE_REASON_NO_ANSWER, IKE_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_has_none), cmocka_unit_test(terminated_and_deleted), cmocka_unit_test(dead),
		cmocka_unit_test(restarted),   cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
