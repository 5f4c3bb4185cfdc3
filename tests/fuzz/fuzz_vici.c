/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vici: what one client sends, to a daemon with all its commands and an IKE SA. The first byte says whether the rest is one stream
 * of bytes as it is, or packets, each after its length in two bytes, whose length words are right. The parser alone sees it,
 * too: what it takes can be walked through, and written again as it was. Another client is served all the time.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/vici_copy.h"
#include "../unit/vici_daemon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vici_daemon *s;
static struct config *first;

/* ---- the parser ---- */

static void parse(const uint8_t *data, size_t size)
{
	struct vici_builder b = { 0 };
	struct vici_message msg;
	char why[160] = "";

	if (vici_message_parse(&msg, data, size, why, sizeof(why))) {
		if (!*why)
			abort();
		return;
	}
	vici_copy(&b, &msg);
	if (vici_builder_check(&b) || !vici_is_copy(&b, data, size))
		abort();
	vici_builder_free(&b);
}

/* ---- the session ---- */

/* What is sent, and not taken by the server, is not sent: it may have closed. */
static bool pass_on(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (int tries = 0; len && tries < 64; tries++) {
		const ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
		vd_turn(s);
	}
	return !len;
}

static void take(int fd)
{
	uint8_t buf[65536];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

static void send_packets(int fd, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t len = data[0] << 8 | data[1];
		uint8_t word[4] = { 0 };

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		word[2] = len >> 8;
		word[3] = len;
		if (!pass_on(fd, word, sizeof(word)) || !pass_on(fd, data, len))
			return;
		vd_turn(s);
		take(fd);
		data += len;
		size -= len;
	}
}

/* Whatever the other one did. */
static void is_served(int fd)
{
	struct vd_packet packet;

	vd_send(s, fd, VICI_CMD_REQUEST, "version", NULL);
	if (!vd_next(s, fd, &packet) || packet.p.type != VICI_CMD_RESPONSE || !vici_has(&packet.p.msg, "daemon"))
		abort();
	free(packet.data);
}

/* As it was: what was loaded goes, and IKE SAs that were ended do not come back. */
static void forget(void)
{
	vici_loaded_free(s->d);
	s->d->loaded_pending = false;
	if (s->d->cfg == first)
		return;
	config_ref(first);
	if (daemon_config_apply(s->d, first))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int runs;
	int fd, good;

	if (!s || ++runs % 256 == 0) { /* an IKE SA that inputs have ended, and all that has piled up */
		if (s) {
			config_unref(first);
			vd_teardown((void **)&s);
		}
		vd_setup((void **)&s);
		log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
		bring_up(s->w);
		first = config_ref(s->d->cfg);
	}
	if (!size)
		return 0;
	parse(data + 1, size - 1);
	good = vd_join(s);
	fd = vd_join(s);
	if (*data & 1)
		send_packets(fd, data + 1, size - 1);
	else
		pass_on(fd, data + 1, size - 1);
	vd_turn(s);
	take(fd);
	is_served(good);
	close(fd);
	close(good);
	vd_turn(s);
	vd_turn(s);
	if (vici_server_clients(s->d->vici))
		abort();
	forget();
	return 0;
}
