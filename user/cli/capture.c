/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `xswan capture`: what one tunnel carries, in clear, as pcapng. Workers copy packets of the tunnels that are selected
 * here into rings (include/xswan/capture.h); they stop when the connection to xswan-dp ends, and so with this process.
 */
#include "capture.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "../lib/pinned.h"
#include "../lib/privileges.h"
#include "capture_file.h"
#include "interrupt.h"
#include "pcapng.h"

#define WAIT_MS 2
#define BUFFER (1u << 20)
#define PORTION 1024u /* packets */

/* ---- packets ---- */

static void write_packet(struct capturer *c, const struct xswan_capture_record *record)
{
	char comment[48];
	const struct pcapng_packet packet = {
		.interface = record->interface - 1u,
		.time = record->time + c->wall,
		.outbound = record->kind == XSWAN_CAPTURE_OUT,
		.comment = comment,
		.data = record + 1,
		.caplen = record->caplen,
		.len = record->len,
	};

	snprintf(comment, sizeof(comment), "spi 0x%08x seq %" PRIu64, ntohl(record->spi), (uint64_t)record->seq);
	pcapng_add_packet(c->out, &packet);
	if (ferror(c->out) && !c->write_error)
		c->write_error = errno ? errno : EIO;
	c->interfaces[record->interface].packets++;
	c->packets++;
}

static bool enough(const struct capturer *c)
{
	return c->cli->count && c->packets >= c->cli->count;
}

/* A part of what there is, so that the rest of the loop has its turn. all: no waiting for workers that are behind. */
static uint32_t drain(struct capturer *c, bool all)
{
	const struct xswan_capture_record *record;
	uint32_t count = 0;

	capture_source_look(&c->source, all);
	for (; count < PORTION && !enough(c) && (record = capture_source_next(&c->source)); count++) {
		if (capture_is_current(c, record))
			write_packet(c, record);
		capture_source_drop(&c->source, record);
	}
	return count;
}

/* 0; CLI_FAILED, said once; -EPIPE: nobody reads any more, which is an end like others. */
static int flush(struct capturer *c, const char *where)
{
	if (!c->write_error && fflush(c->out))
		c->write_error = errno;
	if (!c->write_error || c->write_error == EPIPE)
		return -c->write_error;
	if (!c->told)
		fprintf(c->cli->err, "xswan: %s: %s\n", where, strerror(c->write_error));
	c->told = true;
	return CLI_FAILED;
}

static int follow(struct capturer *c, const char *where)
{
	const uint64_t begun = clock_nanoseconds(CLOCK_BOOTTIME);
	uint64_t now, looked = begun;
	int err;

	while (!interrupted() && !enough(c)) {
		now = clock_nanoseconds(CLOCK_BOOTTIME);
		if (c->cli->seconds && now - begun >= c->cli->seconds * 1000000000ull)
			break;
		if (now - looked > 1000000000u) {
			capture_select(c);
			if (capture_keys_look(&c->keys, &c->source, c->cli->err))
				return CLI_FAILED;
			looked = now;
		}
		if (drain(c, false) && !c->write_error)
			continue;
		err = flush(c, where);
		if (err)
			return err == -EPIPE ? CLI_OK : err;
		if (!capture_source_wait(&c->source, WAIT_MS)) {
			fprintf(c->cli->err, "xswan: xswan-dp has ended, and the capture with it\n");
			return CLI_FAILED;
		}
	}
	return CLI_OK;
}

/* ---- the end ---- */

static void add_statistics(struct capturer *c)
{
	struct pcapng_statistics s = { .begin = c->begun, .end = clock_nanoseconds(CLOCK_BOOTTIME) + c->wall };

	for (uint32_t i = 1; i <= c->count; i++) {
		s.dropped = capture_source_lost(&c->source, i);
		s.received = c->interfaces[i].packets + s.dropped;
		pcapng_add_statistics(c->out, i - 1, &s);
	}
}

static int report_json(const struct capturer *c, uint64_t lost)
{
	json_t *interfaces = json_array(), *all;

	for (uint32_t i = 1; i <= c->count; i++)
		json_array_append_new(interfaces, json_pack("{s:s, s:I, s:I}", "name", c->interfaces[i].name, "packets",
							    (json_int_t)c->interfaces[i].packets, "lost",
							    (json_int_t)capture_source_lost(&c->source, i)));
	all = json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)c->packets, "lost", (json_int_t)lost, "interfaces",
			interfaces);
	return cli_print_json(c->cli, all, 0);
}

static int report(const struct capturer *c)
{
	uint64_t lost = 0;

	for (uint32_t i = 1; i <= c->count; i++)
		lost += capture_source_lost(&c->source, i);
	if (c->cli->json)
		return report_json(c, lost);
	fprintf(c->cli->err, "%" PRIu64 " packets captured\n", c->packets);
	if (lost)
		fprintf(c->cli->err,
			"xswan: %" PRIu64 " more were missed: they came too fast (--snaplen takes less of each)\n", lost);
	return CLI_OK;
}

/* Nothing is copied any more; what has been is written. */
static int finish(struct capturer *c, const char *where)
{
	(void)capture_keys_look(&c->keys, &c->source, c->cli->err);
	memset(c->source.shared->interface, 0, sizeof(c->source.shared->interface));
	while (drain(c, true))
		;
	add_statistics(c);
	return flush(c, where) == CLI_FAILED ? CLI_FAILED : CLI_OK;
}

/* ---- set-up ---- */

static int fail_maps(struct cli *cli, int err)
{
	if (err == -ENOENT)
		fprintf(cli->err, "xswan: instance %s has no maps: xswan-dp has not run here yet\n", cli->instance);
	else if (err == -EPROTO)
		fprintf(cli->err, "xswan: the maps of instance %s are of another version\n", cli->instance);
	else if (err == -EACCES || err == -EPERM)
		fprintf(cli->err, "xswan: capture needs root: it shows in clear what tunnels protect\n");
	else
		fprintf(cli->err, "xswan: cannot read the tunnels of instance %s: %s\n", cli->instance, strerror(-err));
	return err == -ENOENT ? CLI_UNREACHABLE : CLI_FAILED;
}

static int open_tunnels(struct capturer *c)
{
	c->tunnel_fd = pinned_open(c->cli->instance, "tunnel", sizeof(uint32_t), sizeof(struct xswan_tunnel), NULL);
	if (c->tunnel_fd < 0)
		return fail_maps(c->cli, c->tunnel_fd);
	c->tunnels = pinned_mmap(c->tunnel_fd, false, &c->tunnel_count);
	return c->tunnels ? CLI_OK : fail_maps(c->cli, -errno);
}

static int open_source(struct capturer *c)
{
	char path[INSTANCE_PATH], why[INSTANCE_PATH + 96];
	int err = capture_source_open(&c->source, instance_run_path(c->cli->instance, "dp", path), c->cli->snaplen,
				      c->cli->esp_keys, why, sizeof(why));

	if (!err)
		return CLI_OK;
	fprintf(c->cli->err, "xswan: %s\n", why);
	return err == -ENOENT || err == -ECONNREFUSED || err == -ETIMEDOUT ? CLI_UNREACHABLE : CLI_FAILED;
}

static int open_out(struct capturer *c, const char *where)
{
	const int fd = c->cli->output ? capture_file_open(where) : dup(fileno(c->cli->out));

	c->out = fd < 0 ? NULL : fdopen(fd, "w");
	if (c->out && !setvbuf(c->out, NULL, _IOFBF, BUFFER))
		return CLI_OK;
	fprintf(c->cli->err, "xswan: %s: %s\n", where, strerror(errno));
	if (!c->out && fd >= 0)
		close(fd);
	return CLI_FAILED;
}

static int open_keys(struct capturer *c)
{
	int err = c->cli->esp_keys ? capture_keys_open(&c->keys, c->cli->instance, c->cli->esp_keys) : 0;

	if (err)
		fprintf(c->cli->err, "xswan: %s: %s\n", c->cli->esp_keys, strerror(-err));
	return err ? CLI_FAILED : CLI_OK;
}

static int begin(struct capturer *c, const char *where)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	interrupt_begin();
	sigaction(SIGPIPE, &ignore, NULL);
	c->begun = clock_nanoseconds(CLOCK_REALTIME);
	c->wall = c->begun - clock_nanoseconds(CLOCK_BOOTTIME);
	pcapng_begin(c->out, "xswan " XSWAN_VERSION);
	if (capture_select(c)) {
		fprintf(c->cli->err, "xswan: %s has more than %u children: capture one, CONN/CHILD\n", c->what,
			XSWAN_CAPTURE_INTERFACES - 1);
		return CLI_FAILED;
	}
	if (capture_keys_look(&c->keys, &c->source, c->cli->err))
		return CLI_FAILED;
	if (flush(c, where)) /* whoever reads it sees that it has begun */
		return CLI_FAILED;
	if (!c->cli->json)
		fprintf(c->cli->err, "capturing what %s carries; end it with Ctrl-C%s\n", c->what,
			c->count > 1 && !c->cli->output ? " (tshark -r - reads several children, tcpdump one)" : "");
	return CLI_OK;
}

static int run(struct capturer *c, const char *operand, const char *where)
{
	int exit = open_tunnels(c), end, said;

	exit = exit ? exit : capture_resolve(c, operand);
	exit = exit ? exit : open_source(c);
	exit = exit ? exit : open_out(c, where);
	exit = exit ? exit : open_keys(c);
	exit = exit ? exit : begin(c, where);
	if (exit)
		return exit;
	exit = follow(c, where);
	end = finish(c, where);
	said = report(c);
	return exit ? exit : end ? end : said;
}

static void close_all(struct capturer *c)
{
	capture_keys_close(&c->keys);
	capture_source_close(&c->source);
	if (c->out)
		fclose(c->out);
	pinned_munmap((void *)c->tunnels, c->tunnel_fd);
	if (c->tunnel_fd >= 0)
		close(c->tunnel_fd);
	free(c);
}

/* What was not said is no limit, and the output has to be for somebody who reads such a thing. */
static int check(struct cli *cli, const char *operand)
{
	cli->count = cli->count == CLI_UNSET ? 0 : cli->count;
	cli->seconds = cli->seconds == CLI_UNSET ? 0 : cli->seconds;
	cli->snaplen = cli->snaplen == CLI_UNSET ? 0 : cli->snaplen;
	if (!cli->output && cli->json) {
		fprintf(cli->err, "xswan: standard output is for packets: capture takes --json with --output FILE\n");
		return CLI_USAGE;
	}
	if (cli->output && cli->esp_keys && !strcmp(cli->output, cli->esp_keys)) {
		fprintf(cli->err, "xswan: packets and keys cannot both go to %s\n", cli->output);
		return CLI_USAGE;
	}
	if (!cli->output && cli->terminal) {
		fprintf(cli->err,
			"xswan: this is for a program or a file, not for a terminal:\n"
			"  xswan capture %s | tcpdump -nr -\n"
			"  xswan capture %s -o FILE.pcapng\n",
			operand, operand);
		return CLI_USAGE;
	}
	return CLI_OK;
}

int cli_capture(struct cli *cli, const char *operand)
{
	struct capturer *c;
	int exit = check(cli, operand);

	if (exit)
		return exit;
	c = calloc(1, sizeof(*c));
	if (!c)
		return CLI_FAILED;
	c->cli = cli;
	c->tunnel_fd = c->source.fd = c->keys.file = c->keys.fd[0] = c->keys.fd[1] = -1;
	(void)privileges_protect_memory(); /* no core dump: there is plaintext in this process */
	exit = run(c, operand, cli->output ? cli->output : "standard output");
	close_all(c);
	return exit;
}
