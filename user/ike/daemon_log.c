/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME 128
#define NUMBER 24

/* "gw[3]: ", unless the line names it itself, as many do */
static void make_prefix(const struct ike_log *line, char *out, size_t size)
{
	char name[NAME];

	out[0] = '\0';
	snprintf(name, sizeof(name), "%s[%u]", line->conn ? line->conn : "", line->uniqueid);
	if (line->conn && line->uniqueid && !strstr(line->text, name))
		snprintf(out, size, "%s: ", name);
	else if (line->conn && !line->uniqueid)
		snprintf(out, size, "%s: ", line->conn);
}

static const char *number(char *out, uint32_t value)
{
	out[0] = '\0';
	if (value)
		snprintf(out, NUMBER, "%u", value);
	return out;
}

static const char *hex(char *out, uint64_t value, int digits)
{
	out[0] = '\0';
	if (value)
		snprintf(out, NUMBER, "%0*" PRIx64, digits, value);
	return out;
}

static const char *endpoint(char *out, const struct endpoint *ep)
{
	return ep && ep->addr.family ? endpoint_format(ep, out) : "";
}

void daemon_log(const struct ike_log *l)
{
	char prefix[NAME + 2], ike[NUMBER], child[NUMBER], local[ENDPOINT_TEXT], remote[ENDPOINT_TEXT], id[300] = "";
	char spi_i[NUMBER], spi_r[NUMBER], spi_in[NUMBER], spi_out[NUMBER];
	const struct log_field fields[] = {
		{ "event", ike_log_event_word(l->event) },
		{ "reason", ike_reason_word(l->reason) },
		{ "conn", l->conn },
		{ "ike_id", number(ike, l->uniqueid) },
		{ "child", l->child },
		{ "child_id", number(child, l->child_id) },
		{ "local", endpoint(local, l->local) },
		{ "remote", endpoint(remote, l->remote) },
		{ "remote_id", l->remote_id ? identity_format(l->remote_id, id, sizeof(id)) : "" },
		{ "spi_i", hex(spi_i, l->spi_i, 16) },
		{ "spi_r", hex(spi_r, l->spi_r, 16) },
		{ "spi_in", hex(spi_in, l->spi_in, 8) },
		{ "spi_out", hex(spi_out, l->spi_out, 8) },
	};

	make_prefix(l, prefix, sizeof(prefix));
	log_fields(l->level, fields, sizeof(fields) / sizeof(fields[0]), prefix, l->text);
}
