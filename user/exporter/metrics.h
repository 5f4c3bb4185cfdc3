/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway's figures in the Prometheus text format, version 0.0.4 (text.h makes OpenMetrics of it). */
#ifndef XSWAN_EXPORTER_METRICS_H
#define XSWAN_EXPORTER_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <xswan/drops.h>

#include "../lib/dp_state.h"
#include "../lib/process.h"
#include "../vici/gateway.h"
#include "../vici/listed_cert.h"

enum { METRICS_PROCESSES = 3 }; /* xswan-ike, xswan-dp, xswan-exporter */
#define METRICS_WORKER "worker " /* how the names of worker threads begin */

struct metrics_process {
	const char *program;
	bool running;
	struct process figures;
};

struct metrics {
	uint64_t now; /* seconds since 1970 */
	bool up; /* xswan-ike answered, and gw holds what it said */
	struct gateway gw;
	struct listed_cert *certs;
	size_t cert_count;
	bool have_dp; /* was it looked for? */
	struct dp_state dp;
	bool have_drops, have_counters; /* could the pinned maps be read? */
	uint64_t drops[XSWAN_DROP_COUNT];
	uint64_t counters[XSWAN_IKE_COUNTER_COUNT];
	struct metrics_process processes[METRICS_PROCESSES];
	struct process_thread workers[PROCESS_THREADS];
	int worker_count;
};

/* Into m->certs, to be freed by the caller. 0 or -errno with the sentence in client->error. */
int metrics_gather_certificates(struct metrics *m, struct vici_client *client) __attribute__((warn_unused_result));
/* 0 or -ENOMEM. Whether out took it is for the caller to ask. */
int metrics_write(const struct metrics *m, FILE *out) __attribute__((warn_unused_result));
/* its parts; the first two: 0 or -ENOMEM */
int metrics_write_connections(const struct metrics *m, FILE *out) __attribute__((warn_unused_result));
int metrics_write_children(const struct metrics *m, FILE *out) __attribute__((warn_unused_result));
void metrics_write_ike(const struct metrics *m, FILE *out);
void metrics_write_dataplane(const struct dp_state *dp, FILE *out);
void metrics_write_certificates(const struct metrics *m, FILE *out);
void metrics_write_processes(const struct metrics *m, FILE *out);

#endif
