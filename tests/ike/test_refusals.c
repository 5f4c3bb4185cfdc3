/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing loud: each refusal is one line that names what was received, what is configured, the
 * first difference and the line to change; it costs its counter, and leaves everything else alone.
 */
#include <errno.h>

#include "../../user/ike/engine_state.h"
#include "../../user/ike/fragment.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"

/* Initiates from a, which must fail within a minute and leave nothing anywhere. */
static void fails(struct world *w)
{
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 70 * SEC);
	assert_int_equal(sink_count(&w->a) + sink_count(&w->b), 0);
	assert_int_equal(sink_reserved(&w->a) + sink_reserved(&w->b), 0);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 1);
	assert_string_equal(find_event(&w->a, IKE_EVENT_FAILED)->conn, "gw");
	assert_string_equal(find_event(&w->a, IKE_EVENT_FAILED)->child, "net");
	assert_true(agree(w));
}

static void no_proposal(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = "aes128gcm16-prfsha256-ecp256 aes256gcm16-prfsha384-x25519";
	b.ike = "aes256gcm16-prfsha256-x25519";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(list_sas(&w->a).count, 0);
	/* the request came again, as nothing unauthenticated ends an attempt at once: told and counted once */
	assert_int_equal(count_warnings(&w->b), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_PROPOSAL), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 1);
	assert_contains(first_warning(&w->b), "IKE_SA_INIT from 192.0.2.1[500]");
	assert_contains(first_warning(&w->b), "received aes128gcm16-prfsha256-ecp256, aes256gcm16-prfsha384-x25519");
	assert_contains(first_warning(&w->b), "configured aes256gcm16-prfsha256-x25519");
	assert_contains(first_warning(&w->b), "first difference: PRF: received prfsha384, configured prfsha256");
	assert_contains(first_warning(&w->b), "swanctl.conf:7");
	assert_int_equal(count_warnings(&w->a), 1);
	assert_contains(first_warning(&w->a), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(event_text(&w->a, IKE_EVENT_FAILED), first_warning(&w->a));
	world_free(w);
}

static void no_esp_proposal(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.esp = "aes256gcm16-esn";
	b.esp = "aes256gcm16-noesn aes128gcm16-esn";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(list_sas(&w->a).count, 1); /* the IKE SA stays (RFC 7296 section 1.2) */
	assert_contains(first_warning(&w->b), "extended sequence numbers: received esn, configured noesn");
	assert_contains(first_warning(&w->b), "`esp_proposals` of child 'net'");
	assert_int_equal(counter(&w->a, XSWAN_IKE_NO_PROPOSAL), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "NO_PROPOSAL_CHOSEN");
	world_free(w);
}

static void no_overlap(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.remote_ts = "10.3.0.0/16";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(count_warnings(&w->b), 1);
	assert_contains(first_warning(&w->b), "received 10.3.0.0/16 for our side and 10.1.0.0/16 for the peer's");
	assert_contains(first_warning(&w->b), "in common none and 10.1.0.0/16");
	assert_contains(first_warning(&w->b),
			"first difference: local_ts: received 10.3.0.0/16, configured 10.2.0.0/16");
	assert_contains(first_warning(&w->b), "swanctl.conf:7");
	assert_int_equal(counter(&w->b, XSWAN_IKE_TS_UNACCEPTABLE), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_TS_UNACCEPTABLE), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "TS_UNACCEPTABLE");
	assert_null(strstr(event_text(&w->a, IKE_EVENT_FAILED), "proposals`"));
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "remote_ts 10.3.0.0/16");

	/* what was wrong is mended: the next attempt replaces the IKE SA that has no child */
	a.remote_ts = "10.2.0.0/16";
	side_configure(&w->a, &a);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(sink_count(&w->b), 1);
	assert_true(agree(w));
	world_free(w);
}

static void wrong_psk(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.psk = "not the one";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(count_warnings(&w->b), 1);
	assert_contains(first_warning(&w->b), "'a.example.com' does not authenticate");
	assert_contains(first_warning(&w->b), "'ike-1'");
	assert_contains(first_warning(&w->b), "swanctl.conf:7");
	for (int i = 0; i < w->a.line_count; i++)
		assert_null(strstr(w->a.lines[i].text, "not the one"));
	for (int i = 0; i < w->b.line_count; i++)
		assert_null(strstr(w->b.lines[i].text, "a secret for tests only"));
	assert_int_equal(counter(&w->b, XSWAN_IKE_AUTH_FAILED), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_PEER_AUTH_FAILED), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "AUTHENTICATION_FAILED");
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "or the secret of connection 'gw'");
	world_free(w);
}

static void no_psk(void **state)
{
	struct params a = default_a(), b = default_b();
	struct config *cfg;
	struct world *w = world_new_with(&a, &b, NULL);

	cfg = make_config(&b);
	assert_int_equal(identity_parse(&cfg->secrets->ids[cfg->secrets->id_count++], "somebody.else"), 0);
	engine_configure(w->b.e, cfg);
	config_unref(cfg);
	fails(w);
	assert_contains(first_warning(&w->b), "no shared secret for 'b.example.com' - 'a.example.com'");
	world_free(w);
}

static void wrong_id(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.local_id = "mallory.example.com";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(count_warnings(&w->b), 1);
	assert_contains(first_warning(&w->b), "remote id: received 'mallory.example.com', configured 'a.example.com'");
	assert_int_equal(counter(&w->b, XSWAN_IKE_AUTH_FAILED), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_CONNECTION), 1);
	world_free(w);

	a = default_a();
	a.remote_id = "c.example.com"; /* the initiator asks for somebody else */
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_contains(first_warning(&w->b), "local id: received 'c.example.com', configured 'b.example.com'");
	world_free(w);
}

/* The responder proves that it has the secret, but not that it is the one we want. */
static void wrong_responder(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.local_id = NULL; /* its address, then */
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_UP), 0);
	assert_contains(first_warning(&w->a), "remote id: received '192.0.2.2', configured 'b.example.com'");
	assert_int_equal(counter(&w->a, XSWAN_IKE_AUTH_FAILED), 1);
	world_free(w);
}

/* The responder is up and believes in it; the initiator finds out that it is not whom it wanted. */
static void responder_not_authentic(void **state)
{
	struct params a = default_a(), b = default_b();
	struct config *cfg;
	struct world *w;

	a.remote_id = NULL; /* no IDr is sent; the secret is found by address at first */
	w = world_new_with(&a, &b, NULL);
	cfg = make_config(&a);
	add_secret(cfg, "ike-b", "another one");
	assert_int_equal(identity_parse(&cfg->secrets->ids[cfg->secrets->id_count++], "b.example.com"), 0);
	engine_configure(w->a.e, cfg);
	config_unref(cfg);
	fails(w);
	assert_int_equal(counter(&w->a, XSWAN_IKE_AUTH_FAILED), 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_PEER_AUTH_FAILED), 1);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_UP), 0);
	assert_int_equal(count_events(&w->b, IKE_EVENT_IKE_DOWN), 1);
	assert_int_equal(list_sas(&w->b).count, 0);
	assert_contains(first_warning(&w->a), "'ike-b'");
	world_free(w);
}

static void no_connection(void **state)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	b.remote = "192.0.2.77";
	w = world_new_with(&a, &b, NULL);
	fails(w);
	assert_int_equal(count_warnings(&w->b), 1);
	assert_contains(first_warning(&w->b), "no matching connection");
	assert_contains(first_warning(&w->b), "remote_addrs: received 192.0.2.1[500], configured 192.0.2.77");
	assert_int_equal(counter(&w->b, XSWAN_IKE_NO_CONNECTION), 1);
	world_free(w);
}

static void dataplane_refuses(void **state)
{
	struct world *w = world_new();

	w->b.refuse_add = -EIO;
	fails(w);
	assert_int_equal(counter(&w->b, XSWAN_IKE_INSTALL_FAILED), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "NO_ADDITIONAL_SAS");
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "see its log"); /* nothing here would help */
	assert_null(strstr(event_text(&w->a, IKE_EVENT_FAILED), "to change"));
	assert_int_equal(list_sas(&w->a).count, 1);
	world_free(w);

	w = world_new();
	w->a.refuse_add = -EIO; /* the peer has it already: it must hear of it */
	fails(w);
	assert_int_equal(counter(&w->a, XSWAN_IKE_INSTALL_FAILED), 1);
	assert_int_equal(count_events(&w->b, IKE_EVENT_CHILD_DOWN), 1);
	world_free(w);

	w = world_new();
	w->a.refuse_spi = true;
	fails(w);
	assert_int_equal(list_sas(&w->a).count, 0);
	world_free(w);
}

/* The tunnel has one outbound SA, so the child is one peer's at a time. */
static void child_in_use(void **state)
{
	struct world *w = world_new();

	w->b.refuse_add = -EADDRINUSE;
	fails(w);
	assert_contains(first_warning(&w->b), "another peer has this child");
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "NO_ADDITIONAL_SAS");
	assert_int_equal(list_sas(&w->a).count, 1);
	world_free(w);

	w = world_new();
	w->b.refuse_add = -EEXIST;
	fails(w);
	assert_contains(first_warning(&w->b), "with other traffic selectors");
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "TS_UNACCEPTABLE");
	world_free(w);

	w = world_new();
	w->a.refuse_add = -EADDRINUSE; /* as initiator: the peer must hear of it */
	fails(w);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "another peer has this child");
	assert_int_equal(sink_count(&w->b), 0);
	world_free(w);
}

static void nobody_there(void **state)
{
	struct world *w = world_new();

	w->cut = true;
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, 33 * SEC); /* 1 + 1.8 + 3.24 + 5.8 + 10.5 + 18.9 seconds, less up to a fifth of all but the first */
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 0);
	world_run(w, 10 * SEC);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 1);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "no answer from 192.0.2.2[500]");
	assert_int_equal(counter(&w->a, XSWAN_IKE_RETRANSMIT_TX), 5);
	assert_int_equal(counter(&w->a, XSWAN_IKE_TIMEOUT), 1);
	assert_int_equal(w->sent, 6);
	world_free(w);
}

/* ---- messages made by hand ---- */

static void inject(struct world *w, struct side *to, const uint8_t *data, size_t len)
{
	struct side *from = to == &w->a ? &w->b : &w->a;

	engine_input(to->e, &to->addr, &from->addr, data, len, w->now);
}

/* A clear answer to a's IKE_SA_INIT with one notify. */
static void forge_answer(struct world *w, uint16_t type, const void *data, size_t len)
{
	struct ike_header h = { .spi_i = w->a.e->sas->spi_i, .exchange = IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE };
	struct message m;

	message_begin(&m, &h);
	chain_notify(&m.chain, 0, type, data, len);
	assert_int_equal(message_finish(&m), 0);
	inject(w, &w->a, m.buf, m.w.len);
}

/* Advice fits the error: for most of them there is nothing to change at this end. */
static void other_errors(void **state)
{
	static const uint16_t types[] = { NOTIFY_INVALID_SYNTAX, NOTIFY_TEMPORARY_FAILURE };

	for (int i = 0; i < 2; i++) {
		struct world *w = world_new();

		w->cut = true;
		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		world_run(w, 5 * MS);
		forge_answer(w, types[i], NULL, 0);
		assert_contains(first_warning(&w->a), "see its log");
		assert_null(strstr(first_warning(&w->a), "to change"));
		world_run(w, 5 * SEC);
		world_free(w);
	}
}

/* An error that anybody can forge is told, but the true answer, coming later, still counts. */
static void forged_error(void **state)
{
	struct world *w = world_new();

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	world_run(w, 5 * MS);
	forge_answer(w, NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	world_run(w, SEC);
	assert_int_equal(count_warnings(&w->a), 1);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_true(agree(w));
	world_free(w);

	w = world_new();
	w->cut = true;
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	world_run(w, 5 * MS);
	forge_answer(w, NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	world_run(w, 1900 * MS);
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 0);
	world_run(w, 200 * MS); /* patience is at an end after two seconds */
	assert_int_equal(count_events(&w->a, IKE_EVENT_FAILED), 1);
	world_free(w);
}

static int cookies_seen;

static void look_for_cookie(struct world *w, struct side *from, const uint8_t *data, size_t len)
{
	struct payloads in;

	if (from != &w->a || data[18] != IKE_SA_INIT)
		return;
	assert_int_equal(payloads_parse(&in, data[16], (struct span){ data + IKE_HEADER, len - IKE_HEADER }), 0);
	if (data[16] == PAYLOAD_TYPE_NOTIFY) { /* it must be the first payload */
		assert_int_equal(in.notify[0].type, NOTIFY_COOKIE);
		assert_int_equal(in.notify[0].data.len, 6);
		assert_memory_equal(in.notify[0].data.data, "cookie", 6);
		cookies_seen++;
	}
}

static void cookie(void **state)
{
	struct world *w = world_new();

	cookies_seen = 0;
	w->seen = look_for_cookie;
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	w->cut = true;
	world_run(w, 5 * MS);
	w->cut = false;
	forge_answer(w, NOTIFY_COOKIE, "cookie", 6);
	forge_answer(w, NOTIFY_COOKIE, "cookie", 6); /* came twice: the same request would do, so nothing is sent */
	world_run(w, SEC);
	assert_int_equal(cookies_seen, 1);
	assert_int_equal(list_sas(&w->b).count, 1); /* and AUTH covers the request with the cookie */
	assert_true(agree(w));
	world_free(w);
}

/* A group that we did not propose, or one that we have tried, is not obeyed. */
static void hostile_group(void **state)
{
	static const uint8_t modp1024[] = { 0, 2 }, ecp256[] = { 0, 19 }, x25519[] = { 0, 31 };
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.ike = b.ike = "aes256gcm16-prfsha256-x25519-ecp256";
	w = world_new_with(&a, &b, NULL);
	w->cut = true;
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	world_run(w, 5 * MS);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, x25519, 2); /* the group that it is: not even an answer */
	assert_int_equal(counter(&w->a, XSWAN_IKE_INVALID_KE), 0);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, modp1024, 2);
	world_run(w, 5 * MS);
	assert_int_equal(w->sent, 1);
	assert_int_equal(count_warnings(&w->a), 1);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, ecp256, 2);
	world_run(w, 5 * MS);
	assert_int_equal(w->sent, 2);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, x25519, 2); /* back again? no */
	world_run(w, 5 * MS);
	assert_int_equal(w->sent, 2);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, modp1024, 1); /* not even a group */
	world_run(w, 5 * MS);
	assert_int_equal(w->sent, 2);
	world_free(w);

	w = world_new(); /* a group that we know, but did not propose */
	w->cut = true;
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	world_run(w, 5 * MS);
	forge_answer(w, NOTIFY_INVALID_KE_PAYLOAD, ecp256, 2);
	world_run(w, 5 * MS);
	assert_int_equal(w->sent, 1);
	assert_int_equal(count_warnings(&w->a), 1);
	world_free(w);
}

/* The same IKE_SA_INIT request twice is one IKE SA and one answer; from elsewhere it is another request. */
static void repeated_init(void **state)
{
	struct world *w = world_new();
	struct endpoint elsewhere = w->a.addr;
	uint8_t request[2048], answer[2048];
	struct ike_datagram d;
	size_t len, answer_len;

	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &d, w->now));
	memcpy(request, d.data, len = d.len);
	inject(w, &w->b, request, len);
	assert_true(engine_output(w->b.e, &d, w->now));
	memcpy(answer, d.data, answer_len = d.len);
	inject(w, &w->b, request, len);
	assert_int_equal(list_sas(&w->b).connecting, 1);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RETRANSMIT_RX), 1);
	assert_true(engine_output(w->b.e, &d, w->now));
	assert_int_equal(d.len, answer_len);
	assert_memory_equal(d.data, answer, answer_len);
	elsewhere.port = 501;
	engine_input(w->b.e, &w->b.addr, &elsewhere, request, len, w->now);
	assert_int_equal(list_sas(&w->b).connecting, 2);
	while (engine_output(w->b.e, &d, w->now))
		;
	world_free(w);
}

/* Sends a request inside a's SK payload, as a peer with other abilities would; what comes back is in `answer`. */
static void ask(struct world *w, uint8_t exchange, void (*fill)(struct message *m), uint32_t id,
		struct payloads *answer, uint8_t *plain)
{
	struct ike_sa *sa = w->a.e->sas;
	struct ike_header h = {
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = exchange, .id = id, .flags = IKE_FLAG_INITIATOR
	};
	struct payloads outer;
	struct ike_datagram d;
	struct blob sealed = { 0 };
	struct message m;
	struct span text, all;

	message_begin(&m, &h);
	message_begin_sk(&m);
	fill(&m);
	assert_int_equal(message_seal(&m, &sa->keys, true, 0, &sealed), 0);
	inject(w, &w->b, sealed.data, sealed.len);
	blob_free(&sealed);
	assert_true(engine_output(w->b.e, &d, w->now));
	all = (struct span){ d.data, d.len };
	assert_int_equal(d.data[19], IKE_FLAG_RESPONSE);
	assert_int_equal(payloads_parse(&outer, d.data[16], (struct span){ d.data + IKE_HEADER, d.len - IKE_HEADER }),
			 0);
	assert_int_equal(message_open(&sa->keys, false, all, &outer, plain, &text), 0);
	assert_int_equal(payloads_parse(answer, outer.sk_first, text), 0);
}

static enum fate lose_answer_to_auth(struct world *w, int number)
{
	return number == 3 ? DROP : DELIVER;
}

/* The responder is up. What it answers is authentic, but no IKE_AUTH response: it must hear of it (section 2.21.2). */
static void answer_unreadable(void **state)
{
	struct world *w = world_new();
	struct ike_sa *sa;
	struct ike_header h = { .exchange = IKE_AUTH, .id = 1, .flags = IKE_FLAG_RESPONSE };
	struct blob sealed = { 0 };
	struct ike_keys keys;
	struct message m;

	w->fault = lose_answer_to_auth;
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	world_run(w, 35 * MS);
	assert_int_equal(list_sas(&w->b).count, 1);
	sa = w->a.e->sas;
	h.spi_i = sa->spi_i;
	h.spi_r = sa->spi_r;
	keys = sa->keys;
	message_begin(&m, &h);
	message_begin_sk(&m);
	chain_begin(&m.chain, PAYLOAD_TYPE_IDR); /* shorter than any */
	chain_end(&m.chain);
	assert_int_equal(message_seal(&m, &keys, false, 0, &sealed), 0);
	inject(w, &w->a, sealed.data, sealed.len);
	blob_free(&sealed);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count + list_sas(&w->b).count, 0);
	assert_int_equal(list_sas(&w->a).connecting, 0);
	assert_int_equal(count_events(&w->a, IKE_EVENT_IKE_UP), 0);
	assert_contains(event_text(&w->a, IKE_EVENT_FAILED), "does not parse");
	assert_contains(event_text(&w->b, IKE_EVENT_IKE_DOWN), "could not parse");
	assert_int_equal(counter(&w->a, XSWAN_IKE_RX_MALFORMED), 1);
	assert_int_equal(counter(&w->a, XSWAN_IKE_AUTH_FAILED), 0);
	world_free(w);
}

static void payload(struct message *m, uint8_t type, size_t len)
{
	chain_begin(&m->chain, type);
	writer_zero(&m->w, len);
	chain_end(&m->chain);
}

static void sa_payload(struct message *m)
{
	struct suite s = { .number = 1, .encr = 20, .encr_bits = 256 };

	chain_begin(&m->chain, PAYLOAD_TYPE_SA);
	suite_write(&m->w, PROTOCOL_ESP, 0x1234567, &s);
	chain_end(&m->chain);
}

static void ts_payload(struct message *m, uint8_t type)
{
	static const uint8_t all[] = { 1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255 };

	chain_begin(&m->chain, type);
	writer_bytes(&m->w, all, sizeof(all));
	chain_end(&m->chain);
}

static void fill_create_child(struct message *m)
{
	sa_payload(m);
	payload(m, PAYLOAD_TYPE_NONCE, 32);
	ts_payload(m, PAYLOAD_TYPE_TSI);
	ts_payload(m, PAYLOAD_TYPE_TSR);
}

static void fill_rekey(struct message *m)
{
	sa_payload(m);
	payload(m, PAYLOAD_TYPE_NONCE, 32);
	payload(m, PAYLOAD_TYPE_KE, 36);
}

static void fill_unknown(struct message *m)
{
	payload(m, 200, 5);
	chain_notify(&m->chain, 0, 40000, "x", 1);
}

static void fill_critical(struct message *m)
{
	payload(m, 201, 5);
	m->buf[m->chain.start + 1] = 0x80;
}

static void fill_bad(struct message *m)
{
	payload(m, PAYLOAD_TYPE_DELETE, 5);
}

static void requests_refused(void **state)
{
	static uint8_t plain[IKE_DATAGRAM_MAX];
	struct world *w = world_new();
	struct payloads in;

	bring_up(w);
	w->b.refuse_spi = true;
	ask(w, CREATE_CHILD_SA, fill_create_child, 2, &in, plain);
	assert_non_null(payloads_notify(&in, NOTIFY_NO_ADDITIONAL_SAS));
	w->b.refuse_spi = false;
	ask(w, CREATE_CHILD_SA, fill_rekey, 3, &in, plain); /* with a proposal for ESP */
	assert_non_null(payloads_notify(&in, NOTIFY_NO_PROPOSAL_CHOSEN));
	ask(w, INFORMATIONAL, fill_unknown, 4, &in, plain); /* ignored */
	assert_int_equal(in.seen, 0);
	ask(w, INFORMATIONAL, fill_critical, 5, &in, plain);
	assert_non_null(payloads_notify(&in, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD));
	assert_int_equal(in.notify[0].data.data[0], 201);
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_CRITICAL), 1);
	assert_int_equal(list_sas(&w->b).count, 1); /* all that left the SAs alone */
	assert_int_equal(sink_count(&w->b), 1);

	engine_terminate_ike(w->b.e, "gw", 0, w->now); /* its DELETE is on the way when we ask again */
	while (engine_output(w->b.e, &(struct ike_datagram){ 0 }, w->now))
		;
	ask(w, CREATE_CHILD_SA, fill_create_child, 6, &in, plain);
	assert_non_null(payloads_notify(&in, NOTIFY_TEMPORARY_FAILURE));
	ask(w, INFORMATIONAL, fill_bad, 7, &in, plain);
	assert_non_null(payloads_notify(&in, NOTIFY_INVALID_SYNTAX));
	assert_int_equal(list_sas(&w->b).count, 0); /* fatal: RFC 7296 section 2.21.3 */
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_MALFORMED), 1);
	world_free(w);
}

/* ---- the outermost checks, a row each ---- */

static const struct {
	const char *what;
	int at;
	int value; /* -1: none; else of the octet `at` */
	int cut; /* octets off the end; negative: more */
	enum xswan_ike_counter counter;
	int answers;
} bad_headers[] = {
	{ "shorter than a header", 0, -1, 1000, XSWAN_IKE_RX_TRUNCATED, 0 },
	{ "shorter than it says", 0, -1, 1, XSWAN_IKE_RX_TRUNCATED, 0 },
	{ "longer than it says", 0, -1, -1, XSWAN_IKE_RX_OVERSIZED, 0 },
	{ "IKEv1", 17, 0x10, 0, XSWAN_IKE_RX_VERSION, 0 },
	{ "IKEv3", 17, 0x30, 0, XSWAN_IKE_RX_VERSION, 1 },
	{ "a minor version", 17, 0x21, 0, XSWAN_IKE_IKE_UP,
	  1 }, /* accepted: an answer, no counter but the last column's */
	{ "message ID 1", 23, 1, 0, XSWAN_IKE_RX_MALFORMED, 0 },
	{ "not from an initiator", 19, 0, 0, XSWAN_IKE_RX_MALFORMED, 0 },
	{ "a responder's SPI", 12, 1, 0, XSWAN_IKE_RX_MALFORMED, 0 },
	{ "another exchange", 18, 35, 0, XSWAN_IKE_RX_SPI_UNKNOWN, 1 }, /* INVALID_IKE_SPI */
	{ "an unknown exchange", 18, 99, 0, XSWAN_IKE_RX_SPI_UNKNOWN, 1 },
	{ "no payloads", 16, 0, 0, XSWAN_IKE_RX_MALFORMED, 1 },
	{ "an SK payload first", 16, 46, 0, XSWAN_IKE_RX_MALFORMED, 1 },
	{ "an unknown payload first", 16, 77, 0, XSWAN_IKE_RX_MALFORMED, 1 }, /* SA is missing then */
	{ "reserved header flags", 19, 0x08 | 0xc7, 0, XSWAN_IKE_IKE_UP, 1 }, /* must be ignored */
};

static void headers(void **state)
{
	uint8_t request[2048], copy[2048];

	for (size_t i = 0; i < sizeof(bad_headers) / sizeof(bad_headers[0]); i++) {
		struct world *w = world_new();
		struct ike_datagram d;
		size_t len, n;
		int answers = 0;

		engine_initiate(w->a.e, "gw", "net", NULL, w->now);
		assert_true(engine_output(w->a.e, &d, w->now));
		memcpy(request, d.data, len = d.len);
		memset(copy, 0, sizeof(copy));
		memcpy(copy, request, len);
		if (bad_headers[i].value >= 0)
			copy[bad_headers[i].at] = bad_headers[i].value;
		n = bad_headers[i].cut >= (int)len ? 27 : len - bad_headers[i].cut;
		inject(w, &w->b, copy, n);
		while (engine_output(w->b.e, &d, w->now))
			answers++;
		if (answers != bad_headers[i].answers)
			fail_msg("%s: %d answers", bad_headers[i].what, answers);
		if (counter(&w->b, bad_headers[i].counter) != (bad_headers[i].counter != XSWAN_IKE_IKE_UP))
			fail_msg("%s: counter", bad_headers[i].what);
		world_free(w);
	}
}

static void oversized(void **state)
{
	static uint8_t big[IKE_DATAGRAM_MAX + 1];
	struct world *w = world_new();

	inject(w, &w->b, big, sizeof(big));
	assert_int_equal(counter(&w->b, XSWAN_IKE_RX_OVERSIZED), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_proposal),      cmocka_unit_test(no_esp_proposal),
		cmocka_unit_test(no_overlap),       cmocka_unit_test(wrong_psk),
		cmocka_unit_test(no_psk),           cmocka_unit_test(wrong_id),
		cmocka_unit_test(wrong_responder),  cmocka_unit_test(answer_unreadable),
		cmocka_unit_test(repeated_init),    cmocka_unit_test(responder_not_authentic),
		cmocka_unit_test(no_connection),    cmocka_unit_test(dataplane_refuses),
		cmocka_unit_test(child_in_use),     cmocka_unit_test(nobody_there),
		cmocka_unit_test(forged_error),     cmocka_unit_test(other_errors),
		cmocka_unit_test(cookie),           cmocka_unit_test(hostile_group),
		cmocka_unit_test(requests_refused), cmocka_unit_test(headers),
		cmocka_unit_test(oversized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
