/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's control socket: records, each after its length in two bytes, on one connection. Every one is answered
 * or ends the connection, and an answer says what was wrong.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../user/dp/control.h"
#include "../../user/lib/log.h"

static struct event_base *base;
static struct control *control;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };

static void end(void)
{
	control_free(control);
}

static void start(void)
{
	static struct capture_slot capture;
	int maps[XSWAN_DP_MAP_COUNT];
	struct xswan_sa_stat *in = calloc(XSWAN_SA_SLOTS, sizeof(*in)), *out = calloc(XSWAN_SA_SLOTS, sizeof(*out));

	log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/xswan-fuzz-%d", (int)getpid());
	base = event_base_new();
	for (int i = 0; i < XSWAN_DP_MAP_COUNT; i++)
		maps[i] = memfd_create("map", MFD_CLOEXEC);
	control = control_new(base, &(struct control_config){ .path = addr.sun_path,
							      .sas = sa_table_new(crypto_backend_find(NULL), in, out),
							      .stat_map_id = 1,
							      .maps = maps,
							      .capture = &capture,
							      .keys = kept_keys_new() });
	if (!base || !in || !out || !control)
		abort();
	atexit(end);
}

static void take_answers(int fd)
{
	union {
		struct xswan_dp_reply reply; /* a key's record begins with one, too */
		uint8_t bytes[4096];
	} r;
	ssize_t len;

	while ((len = recv(fd, &r, sizeof(r), MSG_DONTWAIT)) > 0)
		if (len == sizeof(r.reply) && (!r.reply.error != !r.reply.text[0] || memchr(r.reply.text, 0, sizeof(r.reply.text)) == NULL))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (!control)
		start();
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		abort();
	event_base_loop(base, EVLOOP_NONBLOCK);
	while (size >= 2) {
		size_t len = data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (len && send(fd, data, len, MSG_NOSIGNAL) < 0)
			break;
		event_base_loop(base, EVLOOP_NONBLOCK);
		take_answers(fd);
		data += len;
		size -= len;
	}
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
