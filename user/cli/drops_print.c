/* SPDX-License-Identifier: Apache-2.0 */
/* `xswan drops`, for people and as JSON. xswan(8) describes the object: keys are added, never renamed. */
#include "drops.h"

#include <inttypes.h>

#include "../lib/paint.h"

static uint64_t total_of(const struct drops *d, int reason)
{
	return d->packets.kernel[reason] + d->packets.workers[reason];
}

/* Counters start at 0 again when somebody removes the maps and makes new ones. */
static uint64_t rise(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* What goes on rising is what is wrong now. */
static void print_rate(uint64_t rate, FILE *out, bool colour)
{
	paint_printf(out, colour, rate ? PAINT_BAD : PAINT_PLAIN, " %12" PRIu64, rate);
}

static void print_packets(const struct drops *now, const struct drops *before, FILE *out, bool colour)
{
	bool any = false;

	for (int i = XSWAN_DROP_NONE + 1; i < XSWAN_DROP_COUNT; i++) {
		if (!total_of(now, i))
			continue;
		if (!any)
			fprintf(out, "%-16s %12s %12s %12s%s\n", "dropped packets", "total", "in kernel", "by workers",
				before ? "   per second" : "");
		any = true;
		fprintf(out, "%-16s %12" PRIu64 " %12" PRIu64 " %12" PRIu64, counters_drop_name[i], total_of(now, i),
			now->packets.kernel[i], now->packets.workers[i]);
		if (before)
			print_rate(rise(total_of(now, i), total_of(before, i)), out, colour);
		fprintf(out, "  %s\n", counters_drop_text[i]);
	}
	if (!any)
		fputs("no packet was dropped\n", out);
}

static void print_ike(const struct drops *now, const struct drops *before, FILE *out, bool colour)
{
	bool any = false;

	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++) {
		if (!now->ike[i] || !counters_ike_is_refusal(i))
			continue;
		if (!any)
			fprintf(out, "\n%-16s %12s%s\n", "refused by IKE", "total", before ? "   per second" : "");
		any = true;
		fprintf(out, "%-16s %12" PRIu64, counters_ike_name[i], now->ike[i]);
		if (before)
			print_rate(rise(now->ike[i], before->ike[i]), out, colour);
		fprintf(out, "  %s\n", counters_ike_text[i]);
	}
}

#define SA_REASONS(X) \
	XSWAN_SA_DROPS(X) \
	X(NONE, other)

static void print_sa(const struct sa_drops *sa, FILE *out)
{
	const char *comma = "";

	fprintf(out, "%-3s %08" PRIx32 "  %s:", sa->inbound ? "in" : "out", sa->spi,
		sa->tunnel[0] ? sa->tunnel : "(its tunnel has gone)");
#define X(id, field) \
	if (sa->line.field) { \
		fprintf(out, "%s " #field " %llu", comma, (unsigned long long)sa->line.field); \
		comma = ","; \
	}
	SA_REASONS(X)
#undef X
	putc('\n', out);
}

void drops_print(const struct drops *now, const struct drops *before, FILE *out, bool colour)
{
	print_packets(now, before, out, colour);
	print_ike(now, before, out, colour);
	if (now->sa_count)
		fputs("\nSAs that lost packets\n", out);
	for (size_t i = 0; i < now->sa_count; i++)
		print_sa(&now->sas[i], out);
	if (now->sas_left_out)
		fprintf(out, "and %zu more\n", now->sas_left_out);
}

static json_t *packets_json(const struct drops *now, const struct drops *before)
{
	json_t *object = json_object();

	for (int i = XSWAN_DROP_NONE + 1; i < XSWAN_DROP_COUNT; i++) {
		json_t *reason = json_pack("{s:I, s:I, s:I, s:s}", "total", (json_int_t)total_of(now, i), "kernel",
					   (json_int_t)now->packets.kernel[i], "workers",
					   (json_int_t)now->packets.workers[i], "text", counters_drop_text[i]);

		if (before)
			json_object_set_new(reason, "rate", json_integer(rise(total_of(now, i), total_of(before, i))));
		json_object_set_new(object, counters_drop_name[i], reason);
	}
	return object;
}

static json_t *ike_json(const struct drops *now, const struct drops *before)
{
	json_t *object = json_object();

	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++) {
		json_t *reason;

		if (!counters_ike_is_refusal(i))
			continue;
		reason = json_pack("{s:I, s:s}", "total", (json_int_t)now->ike[i], "text", counters_ike_text[i]);
		if (before)
			json_object_set_new(reason, "rate", json_integer(rise(now->ike[i], before->ike[i])));
		json_object_set_new(object, counters_ike_name[i], reason);
	}
	return object;
}

static json_t *sa_json(const struct sa_drops *sa)
{
	json_t *reasons = json_object();

#define X(id, field) json_object_set_new(reasons, #field, json_integer(sa->line.field));
	SA_REASONS(X)
#undef X
	return json_pack("{s:s, s:o, s:i, s:o, s:o}", "direction", sa->inbound ? "in" : "out", "spi",
			 json_sprintf("%08" PRIx32, sa->spi), "slot", (int)sa->slot, "tunnel",
			 sa->tunnel[0] ? json_string(sa->tunnel) : json_null(), "drops", reasons);
}

json_t *drops_json(const struct drops *now, const struct drops *before)
{
	json_t *sas = json_array();

	for (size_t i = 0; i < now->sa_count; i++)
		json_array_append_new(sas, sa_json(&now->sas[i]));
	return json_pack("{s:o, s:o, s:o, s:I}", "drops", packets_json(now, before), "ike", ike_json(now, before), "sas",
			 sas, "sas_left_out", (json_int_t)now->sas_left_out);
}
