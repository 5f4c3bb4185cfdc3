/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminate, asked by a vici client of a daemon that has an engine and little else: whatever state an IKE SA is in,
 * the answer comes. Side b of a pair of engines is the daemon's; what the daemon sends itself is lost on loopback.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../../user/ike/daemon.h"
#include "../../user/ike/vici_control.h"
#include "../../user/vici/client.h"
#include "../ike/pair.h"

struct setup_row {
	struct world *w;
	struct daemon *d;
	char dir[32], path[64];
};

struct asked {
	const char *path;
	bool done;
	int err;
	int64_t matches, terminated;
	char text[2048];
};

static const struct vici_command commands[] = { { "terminate", vici_control_terminate }, { NULL, NULL } };
static const char *const events[] = { NULL };

static void on_datagram(void *ctx, const struct endpoint *local, const struct endpoint *remote, const uint8_t *data,
			size_t len)
{
}

static void on_drained(void *ctx)
{
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	engine_timeout(d->engine, daemon_now());
	daemon_pump(d);
}

static int no_dp(void *ctx, struct xswan_dp_sa_add *m)
{
	return -ENOTCONN;
}

static void make_daemon(struct setup_row *s)
{
	const struct sa_store_config store = { .dp.add = no_dp };
	const struct udp_config udp = { .input = on_datagram, .drained = on_drained };
	struct engine_callbacks callbacks;
	struct daemon *d = s->d = calloc(1, sizeof(*d));

	d->dp = DP_CLIENT_INIT;
	d->base = event_base_new();
	d->store = sa_store_new(&store);
	assert_non_null(d->store);
	assert_int_equal(udp_open(&d->udp, d->base, &udp), 0);
	d->control = vici_control_new(d);
	d->engine_timer = evtimer_new(d->base, on_timer, d);
	d->retry_timer = evtimer_new(d->base, on_timer, d);
	daemon_engine_callbacks(d, &callbacks);
	d->engine = engine_new(&fake_sink, &s->w->b, &callbacks, NULL);
	snprintf(s->dir, sizeof(s->dir), "/tmp/xswan-control-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/vici", s->dir);
	assert_int_equal(vici_server_new(&d->vici, d->base, s->path, commands, events, d), 0);
}

static int setup(void **state)
{
	struct params a = default_a(), b = default_b();
	struct setup_row *s = calloc(1, sizeof(*s));
	struct world *w = s->w = calloc(1, sizeof(*w));

	a.local = b.remote = "127.0.0.1";
	a.remote = b.local = "127.0.0.2";
	w->now = daemon_now();
	side_start(w, &w->a, 'a', "127.0.0.1", NULL);
	side_start(w, &w->b, 'b', "127.0.0.2", NULL);
	side_configure(&w->a, &a);
	make_daemon(s);
	engine_free(w->b.e);
	w->b.e = s->d->engine;
	side_configure(&w->b, &b);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct setup_row *s = *state;
	struct daemon *d = s->d;

	world_free(s->w); /* and with it the daemon's engine */
	vici_control_free(d->control);
	d->control = NULL;
	vici_server_free(d->vici);
	udp_close(d->udp);
	event_free(d->engine_timer);
	event_free(d->retry_timer);
	event_base_free(d->base);
	sa_store_free(d->store);
	unlink(s->path);
	rmdir(s->dir);
	free(d);
	free(s);
	return 0;
}

static void *ask(void *arg)
{
	struct asked *asked = arg;
	struct vici_builder args = { 0 };
	struct vici_message reply;
	struct vici_client client;

	asked->err = vici_client_open(&client, "x", asked->path, 4000);
	vici_put(&args, "ike", "gw");
	if (!asked->err)
		asked->err = vici_client_request(&client, "terminate", &args, NULL, NULL, NULL, &reply);
	if (!asked->err) {
		asked->matches = vici_get_i64(&reply, "matches", -1);
		asked->terminated = vici_get_i64(&reply, "terminated", -1);
		asked->err = vici_client_check(&client, &reply);
	}
	snprintf(asked->text, sizeof(asked->text), "%s", asked->err ? client.error : "");
	vici_builder_free(&args);
	vici_client_close(&client);
	__atomic_store_n(&asked->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static struct asked terminate(struct setup_row *s)
{
	struct asked asked = { .path = s->path };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, ask, &asked), 0);
	while (!__atomic_load_n(&asked.done, __ATOMIC_ACQUIRE)) {
		event_base_loop(s->d->base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	pthread_join(thread, NULL);
	return asked;
}

/* Somebody else's attempt: not an SA of ours yet, and nothing that would ever end with an event. */
static void half_open_is_none(void **state)
{
	struct setup_row *s = *state;
	struct asked asked;

	assert_int_equal(engine_initiate(s->w->a.e, "gw", "net", NULL, s->w->now), 0);
	world_run(s->w, 15 * MS);
	assert_int_equal(list_sas(&s->w->b).connecting, 1);
	asked = terminate(s);
	assert_int_equal(asked.err, -EREMOTEIO);
	assert_string_equal(asked.text, "no matching SAs to terminate found");
}

static void attempt_ends_by_failing(void **state)
{
	struct setup_row *s = *state;
	struct asked asked;

	assert_int_equal(engine_initiate(s->d->engine, "gw", "net", NULL, daemon_now()), 0);
	daemon_pump(s->d);
	assert_int_equal(list_sas(&s->w->b).connecting, 1);
	asked = terminate(s);
	assert_string_equal(asked.text, "");
	assert_int_equal(asked.matches, 1);
	assert_int_equal(asked.terminated, 1);
	assert_int_equal(list_sas(&s->w->b).connecting, 0);
}

/* Its end is under way already, and the peer does not answer: there is nothing to add, and nothing to wait for. */
static void deleting_is_not_waited_for(void **state)
{
	struct setup_row *s = *state;
	struct asked asked;

	bring_up(s->w);
	assert_int_equal(engine_terminate_ike(s->d->engine, "gw", 0, daemon_now()), 1);
	asked = terminate(s);
	assert_string_equal(asked.text, "");
	assert_int_equal(asked.matches, 1);
	assert_int_equal(list_sas(&s->w->b).count, 1); /* it is still deleting */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(half_open_is_none),
		TEST(attempt_ends_by_failing),
		TEST(deleting_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
