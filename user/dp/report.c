/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/instance.h"
#include "../lib/log.h"
#include "../lib/secmem.h"

static const char *queue_mode(const struct queue *q)
{
	if (q->vnet)
		return "vnet";
	return q->zero_copy ? "zero-copy" : "copy";
}

/* What the port says of itself, or else why its first queue is no better. */
static const char *note_of(const struct port *port)
{
	return port->note[0] ? port->note : port->queues[0].reason;
}

void report_log(const struct dataplane *dp)
{
	for (int i = 0; i < dp->port_count; i++) {
		const struct port *port = &dp->ports[i];
		const char *note = note_of(port);

		log_info("%s: %s%s, %u queue%s, %s%s%s%s", port->device, port->attach, port->vnet ? "" : " XDP",
			 port->queue_count, port->queue_count == 1 ? "" : "s", port->vnet ? "" : "AF_XDP ",
			 queue_mode(&port->queues[0]), note[0] ? ": " : "", note);
	}
}

static json_t *queue_json(const struct dataplane *dp, const struct queue *q)
{
	char where[32];

	placement_text(&dp->placement, q->worker, where);
	return json_pack("{s:i, s:s, s:s, s:i, s:s, s:I}", "queue", (int)q->queue, "mode", queue_mode(q), "reason",
			 q->reason, "worker", (int)q->worker, "placement", where, "stalls",
			 (json_int_t)__atomic_load_n(&q->stalls, __ATOMIC_RELAXED));
}

static json_t *port_json(const struct dataplane *dp, const struct port *port)
{
	static const char *const role[] = {
		[XSWAN_ROLE_OUTSIDE] = "outside",
		[XSWAN_ROLE_INSIDE] = "inside",
		[XSWAN_ROLE_TUNNEL] = "tunnel",
	};
	json_t *queues = json_array();

	for (uint32_t i = 0; i < port->queue_count; i++)
		json_array_append_new(queues, queue_json(dp, &port->queues[i]));
	return json_pack("{s:s, s:i, s:s, s:s, s:o, s:s, s:s}", "device", port->device, "ifindex", port->ifindex, "role", role[port->role], "attach",
			 port->attach, "queues", queues, "note", port->note, "offloads", port->offloads);
}

/* In bytes. Keys and the rest of an SA are in locked memory, which is mapped ahead of need, in large pieces. */
static json_t *memory_json(const struct dataplane *dp)
{
	return json_pack("{s:I, s:I, s:i}", "frames", (json_int_t)dp->umem.size, "sas", (json_int_t)secmem_total(), "sa_count",
			 (int)sa_table_count(dp->sas));
}

static char *report_text(const struct dataplane *dp)
{
	json_t *ports = json_array(), *root;
	char *text;

	for (int i = 0; i < dp->port_count; i++)
		json_array_append_new(ports, port_json(dp, &dp->ports[i]));
	root = json_pack("{s:s, s:i, s:i, s:s, s:b, s:o, s:o}", "version", XSWAN_VERSION, "workers", (int)dp->worker_count, "owners", (int)dp->owner_count,
			 "crypto", dp->crypto->name, "hugepages", dp->umem.huge, "memory", memory_json(dp), "ports", ports);
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	int err = f ? 0 : -errno;

	if (f && fputs(text, f) < 0)
		err = -EIO;
	if (f && fclose(f) && !err)
		err = -errno;
	return err;
}

int report_publish(const struct dataplane *dp, const char *instance)
{
	static char *published;
	char path[INSTANCE_PATH], fresh[INSTANCE_PATH], *text = report_text(dp);
	int err;

	if (!text)
		return -ENOMEM;
	if (published && !strcmp(text, published)) {
		free(text);
		return 0;
	}
	err = write_file(instance_run_path(instance, "ports.json.new", fresh), text);
	if (!err && rename(fresh, instance_run_path(instance, "ports.json", path)))
		err = -errno;
	free(published);
	published = text;
	return err;
}
