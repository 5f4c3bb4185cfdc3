/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon that has an engine, a configuration, all of vici's commands and little else: no sockets that lead anywhere, no
 * xswan-dp. Its engine is side b of a pair; what the daemon sends itself is lost on loopback. Clients are sockets and bytes,
 * and whatever waits turns the loop: there is one thread.
 */
#ifndef XSWAN_TESTS_VICI_DAEMON_H
#define XSWAN_TESTS_VICI_DAEMON_H

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../user/ike/config_load.h"
#include "../../user/ike/daemon.h"
#include "../../user/ike/vici_control.h"
#include "../../user/ike/vici_handlers.h"
#include "../ike/pair.h"

#define PATIENCE_MS 5000

struct vici_daemon {
	struct world *w;
	struct daemon *d;
	char dir[32], path[64];
};

/* ---- the daemon ---- */

static inline void vd_on_datagram(void *ctx, const struct endpoint *local, const struct endpoint *remote,
				  const uint8_t *data, size_t len)
{
}

static inline void vd_on_drained(void *ctx)
{
}

static inline void vd_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	engine_timeout(d->engine, daemon_now());
	daemon_pump(d);
}

static inline int vd_no_dp(void *ctx, struct xswan_dp_sa_add *m)
{
	return -ENOTCONN;
}

static inline void vd_write(const struct vici_daemon *s, const char *name, const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

/* As default_b() has it, but for the addresses. */
static inline void vd_configure(struct vici_daemon *s)
{
	struct config *cfg;
	char why[512] = "";

	vd_write(s, "swanctl.conf",
		 "connections {\n gw {\n  local_addrs = 127.0.0.2\n  remote_addrs = 127.0.0.1\n  proposals = aes256gcm16-prfsha256-x25519\n"
		 "  local {\n   auth = psk\n   id = b.example.com\n  }\n  remote {\n   auth = psk\n   id = a.example.com\n  }\n"
		 "  children {\n   net {\n    local_ts = 10.2.0.0/16\n    remote_ts = 10.1.0.0/16\n    esp_proposals = aes256gcm16\n   }\n"
		 "   lan {\n    mode = pass\n    local_ts = 10.2.0.0/16\n    remote_ts = 10.3.0.0/16\n    start_action = trap\n   }\n  }\n }\n}\n"
		 "secrets {\n ike-1 {\n  secret = \"a secret for tests only\"\n }\n}\n");
	if (config_read(&s->d->source, s->dir, why, sizeof(why)) ||
	    daemon_config_make(s->d, s->d->source, &cfg, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(daemon_config_apply(s->d, cfg), 0);
	engine_configure(s->d->engine, cfg); /* which waits for maps, else */
}

static inline void vd_make(struct vici_daemon *s)
{
	const struct sa_store_config store = { .dp.add = vd_no_dp };
	const struct udp_config udp = { .input = vd_on_datagram, .drained = vd_on_drained };
	struct engine_callbacks callbacks;
	struct daemon *d = s->d = calloc(1, sizeof(*d));

	snprintf(s->dir, sizeof(s->dir), "/tmp/xswan-control-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/vici", s->dir);
	d->options = (struct daemon_options){ .config_dir = s->dir, .instance = "test" };
	d->dp = DP_CLIENT_INIT;
	d->base = event_base_new();
	d->store = sa_store_new(&store);
	assert_non_null(d->store);
	assert_int_equal(udp_open(&d->udp, d->base, &udp), 0);
	assert_int_equal(daemon_names_open(d), 0);
	wanted_set(&d->wanted, &(struct wanted_settings){ 0 });
	d->control = vici_control_new(d);
	d->engine_timer = evtimer_new(d->base, vd_on_timer, d);
	d->retry_timer = evtimer_new(d->base, vd_on_timer, d);
	daemon_engine_callbacks(d, &callbacks);
	d->engine = engine_new(&fake_sink, &s->w->b, &callbacks, NULL);
	assert_int_equal(vici_server_new(&d->vici, d->base, s->path, vici_commands, vici_events, d), 0);
}

static inline int vd_setup(void **state)
{
	struct params a = default_a();
	struct vici_daemon *s = calloc(1, sizeof(*s));
	struct world *w = s->w = calloc(1, sizeof(*w));

	a.local = "127.0.0.1";
	a.remote = "127.0.0.2";
	w->now = daemon_now();
	w->fault_at = -1;
	side_start(w, &w->a, 'a', "127.0.0.1", NULL);
	side_start(w, &w->b, 'b', "127.0.0.2", NULL);
	side_configure(&w->a, &a);
	vd_make(s);
	engine_free(w->b.e);
	w->b.e = s->d->engine;
	vd_configure(s);
	log_set_hook(vici_raise_log, s->d);
	*state = s;
	return 0;
}

static inline int vd_teardown(void **state)
{
	struct vici_daemon *s = *state;
	struct daemon *d = s->d;
	char path[64];

	log_set_hook(NULL, NULL);
	s->w->b.e = d->engine;
	world_free(s->w); /* and with it the daemon's engine */
	vici_control_free(d->control);
	d->control = NULL;
	vici_server_free(d->vici);
	vici_loaded_free(d);
	wanted_clear(&d->wanted);
	names_free(d->names);
	config_unref(d->cfg);
	config_source_free(d->source);
	totals_clear(&d->totals);
	udp_close(d->udp);
	event_free(d->engine_timer);
	event_free(d->retry_timer);
	event_base_free(d->base);
	sa_store_free(d->store);
	snprintf(path, sizeof(path), "%s/swanctl.conf", s->dir);
	unlink(path);
	unlink(s->path);
	rmdir(s->dir);
	free(d);
	free(s);
	return 0;
}

/* ---- clients ---- */

static inline int vd_join(const struct vici_daemon *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void vd_turn(const struct vici_daemon *s)
{
	event_base_loop(s->d->base, EVLOOP_NONBLOCK);
}

static inline void vd_send(const struct vici_daemon *s, int fd, enum vici_packet_type type, const char *name,
			   const struct vici_builder *msg)
{
	uint8_t header[VICI_HEADER_MAX];
	const size_t len = msg ? msg->len : 0, head = vici_packet_header(header, type, name, len);

	assert_int_equal(send(fd, header, head, MSG_NOSIGNAL), head);
	for (size_t at = 0; at < len;) {
		ssize_t n = send(fd, msg->data + at, len - at, MSG_NOSIGNAL);

		at += n > 0 ? n : 0;
		vd_turn(s);
	}
}

/* 1: whole; 0: the server has closed; -1: nothing more for now */
static inline int vd_receive(const struct vici_daemon *s, int fd, void *data, size_t len)
{
	for (size_t at = 0, waited = 0; at < len;) {
		ssize_t n = recv(fd, (uint8_t *)data + at, len - at, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n > 0) {
			at += n;
			continue;
		}
		if (waited++ > PATIENCE_MS)
			return -1;
		usleep(1000);
		vd_turn(s);
	}
	return 1;
}

struct vd_packet {
	struct vici_packet p; /* points into data */
	uint8_t *data;
};

static inline bool vd_next(const struct vici_daemon *s, int fd, struct vd_packet *packet)
{
	uint8_t word[4];
	uint32_t len;
	char why[160];

	if (vd_receive(s, fd, word, sizeof(word)) != 1)
		return false;
	len = (uint32_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
	assert_in_range(len, 1, VICI_PACKET_MAX);
	packet->data = malloc(len);
	assert_int_equal(vd_receive(s, fd, packet->data, len), 1);
	if (vici_packet_parse(&packet->p, packet->data, len, why, sizeof(why)))
		fail_msg("%s", why);
	return true;
}

/* ---- messages as text: "key=value s{ key=value } l[ item item ]", and what is in them as lines "s.key=value" ---- */

static inline void vd_write_message(struct vici_builder *b, const char *text)
{
	char copy[4096], *save = NULL;
	bool list = false;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '='), last = word[strlen(word) - 1];

		if (!strcmp(word, "}")) {
			vici_end_section(b);
		} else if (!strcmp(word, "]")) {
			vici_end_list(b);
			list = false;
		} else if (last == '{' || last == '[') {
			word[strlen(word) - 1] = '\0';
			list = last == '[';
			if (list)
				vici_begin_list(b, word);
			else
				vici_begin_section(b, word);
		} else if (list) {
			vici_add_item(b, word);
		} else {
			*value = '\0';
			vici_put(b, word, value + 1);
		}
	}
	assert_int_equal(vici_builder_check(b), 0);
}

static inline void vd_read_message(FILE *out, const struct vici_message *msg, const char *path)
{
	struct vici_cursor c = vici_iterate(msg);
	struct vici_element e;
	char below[1024];

	while (vici_next(&c, &e)) {
		if (e.type == VICI_KEY_VALUE || e.type == VICI_ITEM) {
			fprintf(out, "%s%s=%.*s\n", path, e.name, (int)e.len, e.value);
			continue;
		}
		fprintf(out, "%s%s\n", path, e.name);
		snprintf(below, sizeof(below), "%.600s%.255s.", path, e.name);
		vd_read_message(out, &e.body, below);
	}
}

/*
 * The lines of all events that came (NULL: none registered for) and then of the reply, which "reply" precedes; "closed" when
 * there was none, "unknown" when there is no such command. To be freed.
 */
static inline char *vd_ask(const struct vici_daemon *s, const char *command, const char *args, const char *event)
{
	struct vici_builder b = { 0 };
	struct vd_packet packet;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int fd = vd_join(s);
	bool done = false;

	if (event) {
		vd_send(s, fd, VICI_EVENT_REGISTER, event, NULL);
		assert_true(vd_next(s, fd, &packet));
		assert_int_equal(packet.p.type, VICI_EVENT_CONFIRM);
		free(packet.data);
	}
	vd_write_message(&b, args);
	vd_send(s, fd, VICI_CMD_REQUEST, command, &b);
	while (!done && vd_next(s, fd, &packet)) {
		done = packet.p.type != VICI_EVENT;
		if (done)
			fprintf(out, packet.p.type == VICI_CMD_UNKNOWN ? "unknown\n" : "reply\n");
		vd_read_message(out, &packet.p.msg, "");
		free(packet.data);
	}
	if (!done)
		fprintf(out, "closed\n");
	fclose(out);
	vici_builder_free(&b);
	close(fd);
	return text;
}

static inline bool vd_has_line(const char *text, const char *line, size_t len)
{
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, line, len) && (at[len] == '\n' || line[len - 1] == '='))
			return true;
	}
	return false;
}

/* Lines with | between: each is there; one that ends in = only begins so; one after ! is not. */
static inline void vd_expect(const char *what, const char *text, const char *lines)
{
	for (const char *at = lines; *at;) {
		const bool absent = *at == '!';
		const size_t len = strcspn(at + absent, "|");

		if (vd_has_line(text, at + absent, len) == absent)
			fail_msg("%s: %s '%.*s' in:\n%s", what, absent ? "there is" : "no", (int)len, at + absent, text);
		at += absent + len;
		at += *at == '|';
	}
}

static inline void vd_says(const struct vici_daemon *s, const char *command, const char *args, const char *event,
			   const char *lines)
{
	char *text = vd_ask(s, command, args, event), what[256];

	snprintf(what, sizeof(what), "%s %s", command, args);
	vd_expect(what, text, lines);
	free(text);
}

#endif
