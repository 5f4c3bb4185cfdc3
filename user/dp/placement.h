/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPUs the workers run on. With dataplane.cpus, worker i is pinned to the i-th of them, over again when there are
 * more workers. Without, workers stay on the NUMA node of the network cards, if all are on one, and so does the UMEM:
 * which CPU of it is the scheduler's choice.
 */
#ifndef XSWAN_DP_PLACEMENT_H
#define XSWAN_DP_PLACEMENT_H

#include <pthread.h>
#include <stddef.h>

#include "../lib/cpu_list.h"
#include "port.h"

struct placement {
	struct cpu_list cpus; /* empty: anywhere */
	int node; /* they are those of this NUMA node; -1: they were configured, one for each worker */
};

/* 0, or -EINVAL with a sentence in why: a configured CPU is not there. */
int placement_choose(struct placement *p, const struct cpu_list *configured, const struct port *ports, int port_count,
		     char *why, size_t why_size);
int placement_apply(const struct placement *p, pthread_t thread, uint32_t worker); /* 0 or -errno */
/* For the time in which memory is allocated for all workers; `before` takes where the caller was, and is given back. */
void placement_enter(const struct placement *p, cpu_set_t *before);
void placement_leave(const cpu_set_t *before);
/* "CPU 2", "NUMA node 0", "any CPU" */
void placement_text(const struct placement *p, uint32_t worker, char out[static 32]);

#endif
