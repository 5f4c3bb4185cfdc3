/* SPDX-License-Identifier: Apache-2.0 */
/* `xswan status` for people: what runs, what is up, what is not and why, what was dropped. */
#include "status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/counters.h"
#include "../lib/paint.h"
#include "format.h"

struct page {
	FILE *out;
	bool colour;
};

/* A state in its column. */
static void put_state(const struct page *p, enum paint paint, const char *state)
{
	paint_printf(p->out, p->colour, paint, "%-12s", state);
}

static void put_texts(const struct page *p, const struct gateway_text *t, const char *none)
{
	if (!t)
		fputs(none, p->out);
	for (; t; t = t->next)
		fprintf(p->out, "%s%s", t->text, t->next ? " " : "");
}

static void put_selectors(const struct page *p, const struct gateway_text *local, const struct gateway_text *remote)
{
	put_texts(p, local, "dynamic");
	fputs(" === ", p->out);
	put_texts(p, remote, "dynamic");
	putc('\n', p->out);
}

/* ---- daemons ---- */

/* "           3 children up, 1 down": of a list that may be long, what it comes to. */
static void print_summary(const struct page *p, const struct gateway_conn *conns)
{
	unsigned int up = 0, down = 0;

	for (const struct gateway_conn *conn = conns; conn; conn = conn->next)
		for (const struct gateway_child *child = conn->children; child; child = child->next) {
			if (!child->configured || gateway_child_is_policy(child))
				continue;
			up += gateway_child_up(child);
			down += !gateway_child_up(child);
		}
	if (!up && !down)
		return;
	fprintf(p->out, "           %u %s up", up, up == 1 ? "child" : "children");
	fputs(", ", p->out);
	paint_printf(p->out, p->colour, down ? PAINT_BAD : PAINT_PLAIN, "%u down", down);
	putc('\n', p->out);
}

static void print_ike_daemon(const struct page *p, const struct status *s)
{
	fputs("xswan-ike  ", p->out);
	if (s->ike_error) {
		put_state(p, PAINT_BAD, "unreachable");
		putc('\n', p->out);
		return;
	}
	put_state(p, PAINT_GOOD, "running");
	fprintf(p->out, "version %s, up %s, %" PRIu64 " IKE SA%s", s->gw.version, s->gw.uptime, s->gw.ike_sas,
		s->gw.ike_sas == 1 ? "" : "s");
	if (s->gw.half_open)
		fprintf(p->out, ", %" PRIu64 " half-open", s->gw.half_open);
	putc('\n', p->out);
	print_summary(p, s->gw.conns);
	if (!s->gw.confirm_left)
		return;
	fputs("           ", p->out);
	put_state(p, PAINT_BAD, "unconfirmed");
	fprintf(p->out, "\"xswan confirm\" within %" PRIu64 " s, or the former configuration comes back\n",
		s->gw.confirm_left);
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static void print_queue(const struct page *p, const json_t *queue)
{
	const char *where = json_string_value(json_object_get(queue, "placement"));
	const char *reason = json_string_value(json_object_get(queue, "reason"));
	const long long stalls = json_integer_value(json_object_get(queue, "stalls"));

	fprintf(p->out, "    queue %-3lld  %-10s  worker %lld",
		(long long)json_integer_value(json_object_get(queue, "queue")), string_of(queue, "mode"),
		(long long)json_integer_value(json_object_get(queue, "worker")));
	if (where && strcmp(where, "any CPU"))
		fprintf(p->out, " on %s", where);
	if (reason && reason[0])
		fprintf(p->out, "  %s", reason);
	if (stalls)
		fprintf(p->out, "  stalled and kicked %lld time%s", stalls, stalls == 1 ? "" : "s");
	putc('\n', p->out);
}

static void print_memory(const struct page *p, const json_t *memory)
{
	const double sas = json_integer_value(json_object_get(memory, "sas"));
	const json_int_t count = json_integer_value(json_object_get(memory, "sa_count"));

	fprintf(p->out, "  memory       %.1f MB of frames, %.1f MB for %lld SA%s", json_integer_value(json_object_get(memory, "frames")) / 1e6,
		sas / 1e6, (long long)count, count == 1 ? "" : "s");
	if (count > 1000) /* with fewer it says more about the pieces that memory comes in */
		fprintf(p->out, ", %.1f kB each", sas / 1e3 / count);
	putc('\n', p->out);
}

static void print_port(const struct page *p, const json_t *port)
{
	const char *note = json_string_value(json_object_get(port, "note"));
	const char *offloads = json_string_value(json_object_get(port, "offloads"));
	json_t *queue;
	size_t i;

	const bool tc = !strcmp(string_of(port, "attach"), "tc");

	fprintf(p->out, "  %-12s %-8s  %s%s%s%s\n", string_of(port, "device"), string_of(port, "role"), tc ? "TC" : "XDP ",
		tc ? "" : string_of(port, "attach"), note && note[0] ? "  " : "", note ? note : "");
	if (offloads && offloads[0])
		fprintf(p->out, "    still on, and XDP does not see all of every frame: %s\n", offloads);
	json_array_foreach(json_object_get(port, "queues"), i, queue) print_queue(p, queue);
}

static void print_dataplane(const struct page *p, const struct dp_state *dp)
{
	json_int_t workers = json_integer_value(json_object_get(dp->ports, "workers"));
	json_t *port;
	size_t i;

	fputs("xswan-dp   ", p->out);
	if (!dp->pid) {
		put_state(p, PAINT_BAD, "not running");
		fputs(dp->pinned
			      ? "its programs and maps stay pinned: what is protected is dropped, not sent in clear\n"
			      : "nothing is pinned: no traffic is protected\n",
		      p->out);
		return;
	}
	put_state(p, PAINT_GOOD, "running");
	fprintf(p->out, "pid %d", (int)dp->pid);
	if (dp->ports)
		fprintf(p->out, ", %lld worker%s, crypto %s%s", (long long)workers, workers == 1 ? "" : "s",
			string_of(dp->ports, "crypto"),
			json_is_true(json_object_get(dp->ports, "hugepages")) ? ", huge pages" : "");
	fprintf(p->out, "%s%s\n", dp->note[0] ? ", " : "", dp->note);
	if (json_object_get(dp->ports, "memory"))
		print_memory(p, json_object_get(dp->ports, "memory"));
	json_array_foreach(json_object_get(dp->ports, "ports"), i, port) print_port(p, port);
}

/* ---- connections ---- */

/* "192.0.2.1[4500]", and the identity where it says more than the address */
static void put_peer(const struct page *p, const char *id, const char *host, const char *port)
{
	if (strcmp(id, host))
		fprintf(p->out, "%s ", id);
	fprintf(p->out, port[0] ? "%s[%s]" : "%s", host, port);
}

static void put_algorithms(const struct page *p, const char *encr, const char *keysize, ...) __attribute__((sentinel));

/* "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519"; empty names are left out */
static void put_algorithms(const struct page *p, const char *encr, const char *keysize, ...)
{
	const char *name;
	va_list names;

	fprintf(p->out, "%s%s%s", encr, keysize[0] ? "-" : "", keysize);
	va_start(names, keysize);
	while ((name = va_arg(names, const char *)))
		fprintf(p->out, "%s%s", name[0] ? "/" : "", name);
	va_end(names);
}

static enum paint paint_of(const char *state)
{
	if (!strcmp(state, "ESTABLISHED") || !strcmp(state, "INSTALLED"))
		return PAINT_GOOD;
	return PAINT_BUSY;
}

static const char *nat_text(const struct gateway_ike_sa *ike)
{
	if (ike->nat_fake)
		return ", UDP encapsulation forced";
	if (ike->nat_local && ike->nat_remote)
		return ", NAT at both ends";
	return ike->nat_local ? ", NAT here" : ike->nat_remote ? ", NAT at the peer" : "";
}

static void print_ike_sa(const struct page *p, const struct gateway_ike_sa *ike)
{
	char age[DURATION_TEXT];

	fprintf(p->out, "  IKE #%-5" PRIu64 " ", ike->uniqueid);
	put_state(p, paint_of(ike->state), ike->state);
	put_peer(p, ike->local_id, ike->local_host, ike->local_port);
	fputs(" === ", p->out);
	put_peer(p, ike->remote_id, ike->remote_host, ike->remote_port);
	fprintf(p->out, "\n    IKEv%s, %s%s", ike->version, ike->initiator ? "initiator" : "responder", nat_text(ike));
	if (ike->encr_alg[0]) {
		fputs(", ", p->out);
		put_algorithms(p, ike->encr_alg, ike->encr_keysize, ike->integ_alg, ike->prf_alg, ike->ke, NULL);
	}
	if (ike->age != GATEWAY_NEVER)
		fprintf(p->out, ", for %s", format_duration(ike->age, age));
	putc('\n', p->out);
}

static void print_traffic(const struct page *p, const char *direction, const struct gateway_traffic *t)
{
	char bytes[BYTES_TEXT], idle[DURATION_TEXT];

	fprintf(p->out, "    %-4s %12" PRIu64 " packets  %9s", direction, t->packets, format_bytes(t->bytes, bytes));
	if (t->idle == GATEWAY_NEVER)
		fputs("  never used\n", p->out);
	else
		fprintf(p->out, "  last %s ago\n", format_duration(t->idle, idle));
}

static void print_path(const struct page *p, const struct gateway_child_sa *sa)
{
	char age[DURATION_TEXT];

	if (!sa->mtu)
		return;
	fprintf(p->out, "    MTU  %" PRIu64 ", path %" PRIu64, sa->mtu, sa->path_mtu);
	if (sa->path_mtu_age != GATEWAY_NEVER)
		fprintf(p->out, " by a router's word %s ago", format_duration(sa->path_mtu_age, age));
	putc('\n', p->out);
}

static void print_child_sa(const struct page *p, const struct gateway_child *child, const struct gateway_child_sa *sa)
{
	char age[DURATION_TEXT];

	fprintf(p->out, "  %-10s ", child->name);
	put_state(p, paint_of(sa->state), sa->state);
	put_selectors(p, sa->local_ts, sa->remote_ts);
	fprintf(p->out, "    #%" PRIu64 " on IKE #%" PRIu64 ", %s %s%s, ", sa->uniqueid, sa->ike->uniqueid,
		sa->protocol, sa->mode, sa->encap ? " in UDP" : "");
	put_algorithms(p, sa->encr_alg, sa->encr_keysize, sa->integ_alg, sa->esn ? "ESN" : "", NULL);
	fprintf(p->out, ", SPI %s in %s out", sa->spi_in, sa->spi_out);
	if (sa->age != GATEWAY_NEVER)
		fprintf(p->out, ", for %s", format_duration(sa->age, age));
	putc('\n', p->out);
	print_traffic(p, "in", &sa->in);
	print_traffic(p, "out", &sa->out);
	print_path(p, sa);
}

static void print_failure(const struct page *p, const struct gateway_child *child)
{
	const char *line = child->failure, *end;
	char age[DURATION_TEXT];

	if (child->failure_age == GATEWAY_NEVER)
		fputs("    last attempt failed:\n", p->out);
	else
		fprintf(p->out, "    last attempt failed %s ago:\n", format_duration(child->failure_age, age));
	for (; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		fprintf(p->out, "      %.*s\n", (int)(end - line), line);
	}
}

static void print_child(const struct page *p, const struct gateway_child *child)
{
	for (const struct gateway_child_sa *sa = child->sas; sa; sa = sa->next)
		print_child_sa(p, child, sa);
	if (child->sas || !child->configured)
		return;
	fprintf(p->out, "  %-10s ", child->name);
	put_state(p, gateway_child_is_policy(child) ? PAINT_PLAIN : PAINT_BAD, gateway_child_is_policy(child) ? child->mode : "DOWN");
	put_selectors(p, child->local_ts, child->remote_ts);
	if (child->failure[0])
		print_failure(p, child);
}

/* "192.0.2.1 (gw.example.com)"; an identity that is the address is not said again */
static void put_end(const struct page *p, const struct gateway_text *addrs, const char *id)
{
	put_texts(p, addrs, "%any");
	if (addrs ? addrs->next || strcmp(addrs->text, id) : strcmp(id, "%any"))
		fprintf(p->out, " (%s)", id);
}

static void print_connection(const struct page *p, const struct gateway_conn *conn)
{
	fprintf(p->out, "\n%s: ", conn->name);
	if (conn->configured) {
		put_end(p, conn->local_addrs, conn->local_id);
		fputs(" === ", p->out);
		put_end(p, conn->remote_addrs, conn->remote_id);
		putc('\n', p->out);
	} else {
		fputs("no longer configured\n", p->out);
	}
	for (const struct gateway_ike_sa *ike = conn->ikes; ike; ike = ike->next)
		print_ike_sa(p, ike);
	for (const struct gateway_child *child = conn->children; child; child = child->next)
		print_child(p, child);
}

/* ---- counters ---- */

static void print_counters(const struct page *p, const char *title, const uint64_t *values, const char *const *names,
			   const char *const *texts, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!values[i])
			continue;
		if (!any)
			fprintf(p->out, "\n%s\n", title);
		any = true;
		fprintf(p->out, "  %-18s %12" PRIu64 "  %s\n", names[i], values[i], texts[i]);
	}
}

void status_print(const struct status *s, FILE *out, bool colour)
{
	const struct page page = { out, colour };

	fprintf(out, "xswan %s, instance %s\n", XSWAN_VERSION, s->instance);
	print_ike_daemon(&page, s);
	print_dataplane(&page, &s->dp);
	if (!s->ike_error && !s->gw.conns)
		fputs("\nno connection is configured\n", out);
	for (const struct gateway_conn *conn = s->gw.conns; conn; conn = conn->next)
		print_connection(&page, conn);
	if (!s->drops_error) /* reason 0 is "not dropped" */
		print_counters(&page, "dropped packets", s->drops + 1, counters_drop_name + 1, counters_drop_text + 1,
			       XSWAN_DROP_COUNT - 1);
	if (!s->counters_error)
		print_counters(&page, "IKE messages and events", s->counters, counters_ike_name, counters_ike_text,
			       XSWAN_IKE_COUNTER_COUNT);
}
