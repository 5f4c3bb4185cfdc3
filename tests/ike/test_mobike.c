/* SPDX-License-Identifier: Apache-2.0 */
/* MOBIKE (RFC 4555): addresses that go and come at either end, NATs that appear and vanish, paths that break, and liars. */
#include "../../user/ike/fragment.h"
#include "../../user/ike/mobike.h"
#include "pair.h"

#define A1 "192.0.2.1"
#define A2 "203.0.113.11"
#define B1 "192.0.2.2"
#define B2 "203.0.113.12"
#define STRANGER "198.51.100.66"

static struct params mobile_a(void)
{
	struct params a = default_a();

	a.local = NULL;
	a.mobike = true;
	return a;
}

static struct params mobile_b(void)
{
	struct params b = default_b();

	b.local = b.remote = NULL;
	b.mobike = true;
	return b;
}

static struct world *mobile_with(const struct params *a, const struct params *b, const char *addrs_a, const char *addrs_b)
{
	struct world *w = world_new_with(a, b, NULL);

	side_addresses(&w->a, addrs_a, w->now);
	side_addresses(&w->b, addrs_b, w->now);
	return w;
}

static struct world *mobile(const char *addrs_a, const char *addrs_b)
{
	struct params a = mobile_a(), b = mobile_b();
	struct world *w = mobile_with(&a, &b, addrs_a, addrs_b);

	bring_up(w);
	return w;
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static bool is_at(const struct endpoint *ep, const char *text)
{
	struct addr a = address(text);

	return addr_equal(&ep->addr, &a);
}

static bool side_is(struct side *s, const char *own, const char *peer, bool encap)
{
	const struct sa_list list = list_sas(s);
	const struct fake_sa *sa = only_sa(s);

	assert_int_equal(list.count, 1);
	return is_at(&list.sa[0].local, own) && is_at(&list.sa[0].remote, peer) && is_at(&sa->local, own) &&
	       is_at(&sa->remote, peer) && is_at(&sa->local_in, own) && is_at(&sa->remote_in, peer) &&
	       sa->encap == encap && sa->encap_in == encap;
}

/* IKE, and ESP of either direction, at both ends; still the first IKE SA, and nothing under way. */
static bool path_is(struct world *w, const char *a, const char *b, bool encap)
{
	return side_is(&w->a, a, b, encap) && side_is(&w->b, b, a, encap) && agree(w) &&
	       counter(&w->a, XSWAN_IKE_IKE_UP) == 1 && counter(&w->b, XSWAN_IKE_IKE_UP) == 1;
}

static void assert_path(struct world *w, const char *a, const char *b)
{
	char log[2048] = "", *end = log;

	if (path_is(w, a, b, false))
		return;
	for (struct side *s = &w->a;; s = &w->b) {
		for (int i = s->line_count > 3 ? s->line_count - 3 : 0; i < s->line_count; i++)
			end += snprintf(end, log + sizeof(log) - end, "\n# %c: %.200s", s->name, s->lines[i].text);
		if (s == &w->b)
			break;
	}
	fail_msg("the path is not %s - %s%s", a, b, log);
}

static void goes_on(struct world *w)
{
	world_run(w, 300 * SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(list_sas(&w->b).count, 1);
	assert_int_equal(engine_terminate_ike(w->b.e, "gw", 0, w->now), 1); /* b reaches a, too */
	world_run(w, 5 * SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	world_free(w);
}

static void agreed(void **state)
{
	struct world *w = mobile(A1 " " A2, B1 " " B2);

	assert_int_equal(list_sas(&w->a).sa[0].local.port, 4500); /* RFC 4555 section 3.3: NAT or not */
	assert_int_equal(list_sas(&w->b).sa[0].remote.port, 4500);
	assert_path(w, A1, B1);
	goes_on(w);
}

static void not_agreed(void **state)
{
	for (int who = 0; who < 2; who++) {
		struct params a = mobile_a(), b = mobile_b();
		struct world *w;

		*(who ? &a.mobike : &b.mobike) = false;
		w = mobile_with(&a, &b, A1, B1);
		bring_up(w);
		assert_int_equal(list_sas(&w->b).sa[0].local.port, who ? 500 : 4500);
		side_addresses(&w->a, A2, w->now);
		world_run(w, 10 * SEC);
		assert_true(is_at(&list_sas(&w->b).sa[0].remote, A1));
		assert_true(is_at(&only_sa(&w->a)->local, A1));
		world_free(w);
	}
}

static void initiator_moves(void **state)
{
	struct world *w = mobile(A1, B1);
	const int sent = w->sent;

	side_addresses(&w->a, A2, w->now);
	world_run(w, SEC);
	assert_path(w, A2, B1);
	assert_int_equal(w->sent - sent, 4); /* UPDATE_SA_ADDRESSES, return routability, and the answers */
	assert_int_equal(counter(&w->a, XSWAN_IKE_OWN_MOVED), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_PEER_MOVED), 1);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_MOVED), 1);
	assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_MOVED), 1);
	assert_contains(w->b.lines[w->b.line_count - 1].text,
			"the peer has moved from 192.0.2.1[4500] to 203.0.113.11[4500], and sends to 192.0.2.2[4500] (MOBIKE)");
	side_addresses(&w->a, A1, w->now);
	world_run(w, SEC);
	assert_path(w, A1, B1);
	goes_on(w);
}

static void responder_moves(void **state)
{
	struct world *w = mobile(A1, B1);

	side_addresses(&w->b, B2, w->now);
	assert_true(is_at(&only_sa(&w->b)->local, B2)); /* from the old one nothing can be sent any more */
	world_run(w, SEC);
	assert_path(w, A1, B2);
	side_addresses(&w->b, B1 " " B2, w->now); /* what is in use stays in use */
	world_run(w, SEC);
	assert_path(w, A1, B2);
	side_addresses(&w->b, B1, w->now);
	world_run(w, SEC);
	assert_path(w, A1, B1);
	goes_on(w);
}

static void both_move(void **state)
{
	struct world *w = mobile(A1, B1 " " B2); /* a knows of b's other address; else neither could reach the other */

	side_addresses(&w->a, A2, w->now);
	side_addresses(&w->b, B2, w->now);
	world_run(w, 20 * SEC);
	assert_path(w, A2, B2);
	goes_on(w);
}

static void other_family(void **state)
{
	struct world *w = mobile(A1, B1 " 2001:db8::2");

	side_addresses(&w->a, "2001:db8::1", w->now);
	world_run(w, SEC);
	assert_path(w, "2001:db8::1", "2001:db8::2");
	side_addresses(&w->a, "2001:db8::1 " A1, w->now);
	side_addresses(&w->b, B1, w->now);
	world_run(w, 20 * SEC);
	assert_path(w, A1, B1);
	goes_on(w);
}

static void nowhere_for_a_while(void **state)
{
	struct world *w = mobile(A1, B1);

	side_addresses(&w->a, "", w->now);
	world_run(w, 20 * SEC);
	assert_contains(w->a.lines[w->a.line_count - 1].text, "the address 192.0.2.1 is gone");
	side_addresses(&w->a, A2, w->now);
	world_run(w, SEC);
	assert_path(w, A2, B1);
	goes_on(w);
}

static enum fate one_fault(struct world *w, int number)
{
	return number == w->fault_at ? w->fault_fate : DELIVER;
}

/* Every message of the move lost, repeated or late; a second move in the midst of it. */
static void each_fault(void **state)
{
	for (enum fate fate = DROP; fate <= DELAY_LONG; fate++) {
		for (int n = 0; n < 8; n++) {
			for (int again = 0; again < 3; again++) {
				struct world *w = mobile(A1, B1 " " B2);

				w->fault = one_fault;
				w->fault_at = w->sent + n;
				w->fault_fate = fate;
				side_addresses(&w->a, A2, w->now);
				world_run(w, 15 * MS);
				if (again)
					side_addresses(again == 1 ? &w->a : &w->b, again == 1 ? A1 : B2, w->now);
				world_run(w, 60 * SEC);
				assert_path(w, again == 1 ? A1 : A2, again == 2 ? B2 : B1);
				goes_on(w);
			}
		}
	}
}

/* A request that is under way, of either end, goes on over the new path at once (section 3.5). */
static void under_way(void **state)
{
	for (int who = 0; who < 2; who++) {
		struct params a = mobile_a(), b = mobile_b();
		const struct ike_sa *sa;
		struct world *w;

		(who ? &b : &a)->dpd = 10;
		w = mobile_with(&a, &b, A1, B1);
		bring_up(w);
		w->cut = true;
		for (sa = (who ? &w->b : &w->a)->e->sas; !sa->window.exchange;)
			world_run(w, MS); /* until a liveness check has been sent, and lost */
		w->cut = false;
		side_addresses(&w->a, A2, w->now);
		world_run(w, 100 * MS);
		assert_path(w, A2, B1);
		goes_on(w);
	}
}

static bool first_pair_broken(struct world *w, const struct addr *from, const struct addr *to)
{
	const struct addr a = address(A1), b = address(B1);

	return (addr_equal(from, &a) && addr_equal(to, &b)) || (addr_equal(from, &b) && addr_equal(to, &a));
}

static bool only_second_pair(struct world *w, const struct addr *from, const struct addr *to)
{
	const struct addr a = address(A2), b = address(B2);

	return !((addr_equal(from, &a) && addr_equal(to, &b)) || (addr_equal(from, &b) && addr_equal(to, &a)));
}

/* No address has changed, but nothing arrives: another pair of addresses does it. */
static void path_breaks(void **state)
{
	bool (*const broken[])(struct world *, const struct addr *, const struct addr *) = { first_pair_broken,
											     only_second_pair };

	for (int i = 0; i < 2; i++) {
		struct params a = mobile_a(), b = mobile_b();
		struct world *w;

		a.dpd = 10;
		w = mobile_with(&a, &b, A1 " " A2, B1 " " B2);
		bring_up(w);
		w->blocked = broken[i];
		world_run(w, 30 * SEC);
		assert_false(is_at(&only_sa(&w->a)->local, A1) && is_at(&only_sa(&w->a)->remote, B1));
		assert_int_equal(counter(&w->a, XSWAN_IKE_DPD_TIMEOUT), 0);
		if (i)
			assert_path(w, A2, B2);
		w->blocked = NULL;
		goes_on(w);
	}
}

static bool one_way_each(struct world *w, const struct addr *from, const struct addr *to)
{
	const struct addr a1 = address(A1), a2 = address(A2);

	return (!w->nat_rebound && addr_equal(from, &a1)) || addr_equal(to, &a2);
}

/* Of the copies of a request the responder takes the first for the path; its answer may be to another one (section 3.6). */
static void another_copy(void **state)
{
	struct world *w = mobile("192.0.2.77", B1);

	w->blocked = one_way_each;
	side_addresses(&w->a, A1 " " A2, w->now);
	world_run(w, 5 * SEC);
	assert_true(is_at(&list_sas(&w->b).sa[0].remote, A2)); /* its answers are lost */
	w->nat_rebound = true; /* from A1 it works now */
	world_run(w, 30 * SEC);
	w->blocked = NULL;
	assert_path(w, A1, B1);
	goes_on(w);
}

static void no_path_at_all(void **state)
{
	struct params a = mobile_a(), b = mobile_b();
	struct world *w;

	a.dpd = 10;
	w = mobile_with(&a, &b, A1 " " A2, B1 " " B2);
	bring_up(w);
	w->cut = true;
	world_run(w, 300 * SEC);
	assert_int_equal(counter(&w->a, XSWAN_IKE_DPD_TIMEOUT), 1);
	assert_int_equal(list_sas(&w->a).count, 0);
	w->cut = false;
	world_free(w);
}

/* ---- NAT ---- */

static void nat_comes_and_goes(void **state)
{
	struct world *w = mobile(A1, B1);

	w->nat = true;
	side_addresses(&w->a, A2, w->now);
	world_run(w, SEC);
	assert_true(side_is(&w->a, A2, B1, true));
	assert_true(side_is(&w->b, B1, NAT_ADDR, true));
	assert_int_equal(only_sa(&w->b)->remote.port, 34500);
	assert_true(only_sa(&w->b)->follow);
	assert_false(only_sa(&w->a)->follow);
	world_run(w, 100 * SEC);
	assert_in_range(w->a.keepalives, 4, 5);
	w->nat = false;
	side_addresses(&w->a, A1, w->now);
	world_run(w, SEC);
	assert_path(w, A1, B1);
	assert_false(only_sa(&w->b)->follow);
	world_run(w, 100 * SEC);
	assert_in_range(w->a.keepalives, 4, 5);
	goes_on(w);
}

static struct world *behind_nat(uint32_t dpd)
{
	struct params a = mobile_a(), b = mobile_b();
	struct world *w;

	a.dpd = dpd;
	w = mobile_with(&a, &b, A1, B1);
	w->nat = true;
	bring_up(w);
	return w;
}

/* A message from elsewhere moves nothing (section 3.8); but the one behind the NAT notices, and says so. */
static void nat_forgets(void **state)
{
	struct world *w = behind_nat(10);
	const struct endpoint was = { address(NAT_ADDR), 34500 }, is = { address(NAT_ADDR), 44500 };

	world_run(w, 25 * SEC);
	assert_true(endpoint_equal(&list_sas(&w->b).sa[0].remote, &was));
	assert_int_equal(counter(&w->b, XSWAN_IKE_PEER_MOVED), 0);
	w->nat_rebound = true;
	world_run(w, 15 * SEC);
	assert_true(endpoint_equal(&list_sas(&w->b).sa[0].remote, &is));
	assert_true(endpoint_equal(&only_sa(&w->b)->remote, &is));
	assert_int_equal(counter(&w->b, XSWAN_IKE_PEER_MOVED), 1);
	assert_contains(w->b.lines[w->b.line_count - 1].text, "(MOBIKE)");
	goes_on(w);
}

/* Of ESP the newest packet says where it goes; IKE asks there, too, when it is not answered. */
static void nat_forgets_under_esp(void **state)
{
	struct world *w = behind_nat(0);
	const struct endpoint was = { address(NAT_ADDR), 34500 }, is = { address(NAT_ADDR), 44500 };

	w->nat_rebound = true;
	engine_peer_moved(w->b.e, only_sa(&w->b)->id, &was, &is, w->now);
	assert_true(endpoint_equal(&only_sa(&w->b)->remote, &is));
	assert_true(endpoint_equal(&list_sas(&w->b).sa[0].remote, &was));
	assert_int_equal(engine_terminate_ike(w->b.e, "gw", 0, w->now), 1);
	world_run(w, 10 * SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	world_free(w);
}

/* ---- what is refused, and who lies ---- */

static void refused_path(void **state)
{
	struct params a = mobile_a(), b = mobile_b();
	struct world *w;

	a.dpd = 10;
	a.remote = B1 " " B2;
	b.local = B1;
	w = mobile_with(&a, &b, A1, B1 " " B2);
	bring_up(w);
	w->blocked = first_pair_broken;
	world_run(w, 40 * SEC);
	assert_true(counter(&w->b, XSWAN_IKE_ADDRESSES_REFUSED) > 0);
	assert_contains(first_warning(&w->b), "refused with UNACCEPTABLE_ADDRESSES; to change: `local_addrs` of connection "
					      "'gw' (swanctl.conf:7)");
	assert_contains(first_warning(&w->a), "the peer refuses to move to this path: UNACCEPTABLE_ADDRESSES");
	assert_true(is_at(&only_sa(&w->b)->local, B1));
	w->blocked = NULL;
	world_free(w);
}

static bool stranger_gets_it(struct world *w, const struct addr *from, const struct addr *to)
{
	const struct addr stranger = address(STRANGER);

	return addr_equal(to, &stranger);
}

/* a says that it is where somebody else is: no ESP goes there, however much IKE says (section 3.7). */
static void third_party(void **state)
{
	struct world *w = mobile(A1, B1);

	w->blocked = stranger_gets_it;
	side_addresses(&w->a, STRANGER, w->now);
	for (int i = 0; i < 600; i++) {
		world_run(w, 500 * MS);
		if (sink_count(&w->b))
			assert_true(is_at(&only_sa(&w->b)->remote, A1));
	}
	assert_int_equal(list_sas(&w->b).count, 0); /* it does not answer */
	assert_int_equal(find_event(&w->b, IKE_EVENT_IKE_DOWN)->reason, IKE_REASON_PEER_DEAD);
	world_free(w);
}

/* The answer to a check of one address comes when a has already named another: it says nothing about that. */
static void late_answer(void **state)
{
	struct world *w = mobile(A1, B1);

	w->blocked = stranger_gets_it;
	w->fault = one_fault;
	w->fault_at = w->sent + 3; /* UPDATE_SA_ADDRESSES, its answer, the check, the answer to that */
	w->fault_fate = DELAY;
	side_addresses(&w->a, A2, w->now);
	world_run(w, 25 * MS);
	side_addresses(&w->a, STRANGER, w->now);
	for (int i = 0; i < 100; i++) {
		world_run(w, 50 * MS);
		assert_true(is_at(&only_sa(&w->b)->remote, A1) || is_at(&only_sa(&w->b)->remote, A2));
	}
	assert_true(is_at(&list_sas(&w->b).sa[0].remote, STRANGER));
	world_free(w);
}

typedef void write_fn(struct ike_sa *sa, struct message *m);

/* What a peer that has the keys could say: from `from`, with this message ID, and to whom it sends just now. */
static void say(struct world *w, struct side *from, const char *source, uint32_t id, bool response, write_fn *write)
{
	struct side *to = from == &w->a ? &w->b : &w->a;
	struct ike_sa *sa = from->e->sas;
	struct ike_header h = window_header(sa, INFORMATIONAL, id, response);
	const struct endpoint remote = { address(source), 4500 };
	struct blob sealed = { 0 };
	struct message m;

	message_begin(&m, &h);
	message_begin_sk(&m);
	write(sa, &m);
	assert_int_equal(message_seal(&m, &sa->keys, sa->initiator, 0, &sealed), 0);
	engine_input(to->e, &sa->remote, &remote, sealed.data, sealed.len, w->now);
	blob_free(&sealed);
}

static void wrong_cookie(struct ike_sa *sa, struct message *m)
{
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_COOKIE2, "not this one....", 16);
}

static void no_cookie(struct ike_sa *sa, struct message *m)
{
}

/* Who answers without the cookie did not get the request (section 3.7). */
static void answers_without_cookie(void **state)
{
	write_fn *const lies[] = { wrong_cookie, no_cookie };

	for (int i = 0; i < 2; i++) {
		struct world *w = mobile(A1, B1);

		w->cut = true;
		side_addresses(&w->a, A2, w->now);
		world_run(w, 50 * MS);
		say(w, &w->b, B1, w->a.e->sas->window.id, true, lies[i]);
		world_run(w, 50 * MS);
		assert_int_equal(list_sas(&w->a).count, 0);
		assert_contains(event_text(&w->a, IKE_EVENT_IKE_DOWN), "the peer returned the wrong COOKIE2");
		world_free(w);

		w = mobile(A1, B1); /* and the responder's check */
		side_addresses(&w->a, A2, w->now);
		world_run(w, 15 * MS);
		w->cut = true;
		world_run(w, 50 * MS);
		assert_true(is_at(&only_sa(&w->b)->remote, A1));
		say(w, &w->a, A2, w->b.e->sas->window.id, true, lies[i]);
		world_run(w, 50 * MS);
		assert_int_equal(list_sas(&w->b).count, 0);
		world_free(w);
	}
}

static void update_without_nat(struct ike_sa *sa, struct message *m)
{
	const uint8_t claim[12] = { 192, 0, 2, 1, 192, 0, 2, 2, 4500 >> 8, 4500 & 0xff, 4500 >> 8, 4500 & 0xff };

	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_NO_NATS_ALLOWED, claim, sizeof(claim));
}

static void nats_forbidden(void **state)
{
	struct world *w = mobile(A1, B1);

	say(w, &w->a, A1, w->a.e->sas->window.next_id++, false, update_without_nat);
	assert_int_equal(counter(&w->b, XSWAN_IKE_ADDRESSES_REFUSED), 0);
	say(w, &w->a, A2, w->a.e->sas->window.next_id++, false, update_without_nat);
	world_run(w, SEC);
	assert_int_equal(counter(&w->b, XSWAN_IKE_ADDRESSES_REFUSED), 1);
	assert_contains(first_warning(&w->b), "refused with UNEXPECTED_NAT_DETECTED");
	assert_path(w, A1, B1);
	goes_on(w);
}

static void update(struct ike_sa *sa, struct message *m)
{
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
}

static void nonsense(struct ike_sa *sa, struct message *m)
{
	static const uint8_t bytes[65] = { 224, 0, 0, 1 }, loopback[16] = { [15] = 1 };

	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_COOKIE2, bytes, 7);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_COOKIE2, bytes, 65);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP4_ADDRESS, bytes, 0);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP4_ADDRESS, bytes, 5);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP4_ADDRESS, bytes, 4);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP6_ADDRESS, loopback, 16);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP6_ADDRESS, loopback, 4);
	chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_NAT_DETECTION_SOURCE_IP, bytes, 3);
	for (uint8_t i = 1; i < 50; i++)
		chain_notify(&m->chain, PROTOCOL_NONE, NOTIFY_ADDITIONAL_IP4_ADDRESS, (uint8_t[]){ 192, 0, 2, i }, 4);
}

static void no_one_is_moved(void **state)
{
	struct world *w = mobile(A1, B1);
	const struct mobike *mb = w->b.e->sas->mobike;

	say(w, &w->b, B2, w->b.e->sas->window.next_id++, false, update); /* it is not the responder who says so */
	say(w, &w->a, A1, w->a.e->sas->window.next_id++, false, nonsense);
	assert_int_equal(mb->peer_count, MOBIKE_ADDRS);
	for (int i = 0; i < MOBIKE_ADDRS; i++)
		assert_int_equal(mb->peers[i].ip[0], 192);
	say(w, &w->a, A2, w->a.e->sas->window.next_id++, false, nonsense); /* nor anybody without UPDATE_SA_ADDRESSES */
	world_run(w, SEC);
	assert_path(w, A1, B1);
	say(w, &w->a, "224.0.0.1", w->a.e->sas->window.next_id++, false, update);
	say(w, &w->a, B1, w->a.e->sas->window.next_id++, false, update);
	assert_int_equal(counter(&w->b, XSWAN_IKE_ADDRESSES_REFUSED), 2);
	assert_path(w, A1, B1);
	goes_on(w);
}

/* What protects the addresses themselves ends with them. */
static void transport_mode(void **state)
{
	struct params a = mobile_a(), b = mobile_b();
	struct world *w;

	a.transport = b.transport = true;
	a.local_ts = a.remote_ts = b.local_ts = b.remote_ts = NULL;
	w = mobile_with(&a, &b, A1, B1);
	bring_up(w);
	assert_true(only_sa(&w->a)->transport);
	side_addresses(&w->a, A2, w->now);
	world_run(w, SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_contains(first_warning(&w->a), "does not move, and is deleted");
	assert_true(is_at(&list_sas(&w->b).sa[0].remote, A2));
	goes_on(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreed),	     cmocka_unit_test(not_agreed),
		cmocka_unit_test(initiator_moves),   cmocka_unit_test(responder_moves),
		cmocka_unit_test(both_move),	     cmocka_unit_test(other_family),
		cmocka_unit_test(nowhere_for_a_while), cmocka_unit_test(each_fault),
		cmocka_unit_test(under_way),	     cmocka_unit_test(path_breaks),
		cmocka_unit_test(another_copy),	     cmocka_unit_test(no_path_at_all),    cmocka_unit_test(nat_comes_and_goes),
		cmocka_unit_test(nat_forgets),	     cmocka_unit_test(nat_forgets_under_esp),
		cmocka_unit_test(refused_path),	     cmocka_unit_test(third_party),
		cmocka_unit_test(late_answer),
		cmocka_unit_test(answers_without_cookie), cmocka_unit_test(nats_forbidden),
		cmocka_unit_test(no_one_is_moved),   cmocka_unit_test(transport_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
