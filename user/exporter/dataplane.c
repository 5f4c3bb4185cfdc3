/* SPDX-License-Identifier: Apache-2.0 */
/* How xswan-dp runs on each port and queue, by the list that it publishes. */
#include "metrics.h"
#include "text.h"

static void put_text(FILE *out, const char *label, const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	text_label(out, label, value ? value : "");
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void write_port(const json_t *port, FILE *out)
{
	fputs("xswan_port_info{", out);
	put_text(out, "device", port, "device");
	putc(',', out);
	put_text(out, "role", port, "role");
	putc(',', out);
	put_text(out, "attach", port, "attach");
	putc(',', out);
	put_text(out, "note", port, "note");
	putc(',', out);
	put_text(out, "offloads", port, "offloads");
	fputs("} 1\n", out);
}

static void write_queue(const json_t *port, const json_t *queue, FILE *out)
{
	fputs("xswan_queue_info{", out);
	put_text(out, "device", port, "device");
	fprintf(out, ",queue=\"%lld\",worker=\"%lld\",", (long long)number(queue, "queue"),
		(long long)number(queue, "worker"));
	put_text(out, "placement", queue, "placement");
	putc(',', out);
	put_text(out, "mode", queue, "mode");
	putc(',', out);
	put_text(out, "reason", queue, "reason");
	fputs("} 1\n", out);
}

static void write_stalls(const json_t *port, const json_t *queue, FILE *out)
{
	fputs("xswan_queue_stalls_total{", out);
	put_text(out, "device", port, "device");
	fprintf(out, ",queue=\"%lld\"} %lld\n", (long long)number(queue, "queue"), (long long)number(queue, "stalls"));
}

static void each_queue(json_t *ports, void (*write)(const json_t *port, const json_t *queue, FILE *out), FILE *out)
{
	json_t *port, *queue;
	size_t i, j;

	json_array_foreach(ports, i, port)
		json_array_foreach(json_object_get(port, "queues"), j, queue)
			write(port, queue, out);
}

void metrics_write_dataplane(const struct dp_state *dp, FILE *out)
{
	json_t *ports = json_object_get(dp->ports, "ports"), *port;
	size_t i;

	text_family(out, "xswan_dataplane_up", "gauge", "1 when xswan-dp runs, else 0.");
	fprintf(out, "xswan_dataplane_up %d\n", dp->pid != 0);
	if (!json_array_size(ports))
		return;
	text_family(out, "xswan_dataplane_workers", "gauge", "Threads that seal and open packets.");
	fprintf(out, "xswan_dataplane_workers %lld\n", (long long)number(dp->ports, "workers"));
	text_family(out, "xswan_dataplane_hugepages", "gauge", "1 when packet buffers are in huge pages, else 0.");
	fprintf(out, "xswan_dataplane_hugepages %d\n", json_is_true(json_object_get(dp->ports, "hugepages")));
	text_family(out, "xswan_dataplane_memory_bytes", "gauge", "Memory of the dataplane: packet buffers, and keys with all else of SAs.");
	for (i = 0; i < 2; i++)
		fprintf(out, "xswan_dataplane_memory_bytes{kind=\"%s\"} %lld\n", i ? "sas" : "frames",
			(long long)number(json_object_get(dp->ports, "memory"), i ? "sas" : "frames"));
	text_family(out, "xswan_port_info", "gauge",
		    "Always 1; how programs are attached to a port, why not better, and offloads that hide parts of frames.");
	json_array_foreach(ports, i, port)
		write_port(port, out);
	text_family(out, "xswan_queue_info", "gauge", "Always 1; how a receive queue runs, who serves it, why not better.");
	each_queue(ports, write_queue, out);
	text_family(out, "xswan_queue_stalls_total", "counter",
		    "Transmit rings in which nothing completed until they were kicked again.");
	each_queue(ports, write_stalls, out);
}
