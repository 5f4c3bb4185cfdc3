/* SPDX-License-Identifier: Apache-2.0 */
#include "placement.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/log.h"

static bool read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool got = f && fgets(out, (int)size, f);

	if (f)
		fclose(f);
	return got;
}

/* -1: a virtual device, or a machine with one node */
static int node_of(const struct port *port)
{
	char path[80], line[16];

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", port->device);
	return read_line(path, line, sizeof(line)) ? atoi(line) : -1;
}

/* Of all ports that have one; -1 when they differ. */
static int common_node(const struct port *ports, int port_count)
{
	int common = -1;

	for (int i = 0; i < port_count; i++) {
		int node = node_of(&ports[i]);

		if (node >= 0 && common >= 0 && node != common)
			return -1;
		if (node >= 0)
			common = node;
	}
	return common;
}

static void choose_node(struct placement *p, int node)
{
	char path[80], line[4096];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	if (read_line(path, line, sizeof(line)) && cpu_list_parse(&p->cpus, line))
		p->node = node;
	else
		p->cpus.count = 0;
}

int placement_choose(struct placement *p, const struct cpu_list *configured, const struct port *ports, int port_count,
		     char *why, size_t why_size)
{
	const int node = common_node(ports, port_count);
	cpu_set_t allowed;

	*p = (struct placement){ .cpus = *configured, .node = -1 };
	if (!configured->count) {
		if (node >= 0)
			choose_node(p, node);
		return 0;
	}
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	for (uint32_t i = 0; i < configured->count; i++)
		if (!CPU_ISSET(configured->cpu[i], &allowed)) {
			snprintf(why, why_size, "dataplane.cpus: there is no CPU %u, or it is kept from this process",
				 configured->cpu[i]);
			return -EINVAL;
		}
	return 0;
}

static void all_of(const struct placement *p, cpu_set_t *set)
{
	CPU_ZERO(set);
	for (uint32_t i = 0; i < p->cpus.count; i++)
		CPU_SET(p->cpus.cpu[i], set);
}

int placement_apply(const struct placement *p, pthread_t thread, uint32_t worker)
{
	cpu_set_t set;

	if (!p->cpus.count)
		return 0;
	if (p->node >= 0) {
		all_of(p, &set);
	} else {
		CPU_ZERO(&set);
		CPU_SET(p->cpus.cpu[worker % p->cpus.count], &set);
	}
	return -pthread_setaffinity_np(thread, sizeof(set), &set);
}

void placement_enter(const struct placement *p, cpu_set_t *before)
{
	cpu_set_t set;

	CPU_ZERO(before);
	if (!p->cpus.count || sched_getaffinity(0, sizeof(*before), before))
		return;
	all_of(p, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		log_debug("cannot move to the CPUs of the workers: memory may be further away");
}

void placement_leave(const cpu_set_t *before)
{
	if (CPU_COUNT(before) && sched_setaffinity(0, sizeof(*before), before))
		log_debug("cannot move back from the CPUs of the workers");
}

void placement_text(const struct placement *p, uint32_t worker, char out[static 32])
{
	if (!p->cpus.count)
		snprintf(out, 32, "any CPU");
	else if (p->node >= 0)
		snprintf(out, 32, "NUMA node %d", p->node);
	else
		snprintf(out, 32, "CPU %u", p->cpus.cpu[worker % p->cpus.count]);
}
