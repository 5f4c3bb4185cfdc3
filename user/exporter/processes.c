/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway's processes and the dataplane's workers use of the machine. */
#include <inttypes.h>

#include "metrics.h"
#include "text.h"

struct figure {
	const char *family, *type, *help;
};

static const struct figure figures[] = {
	{ "xswan_process_cpu_seconds_total", "counter", "CPU time of a process, user and system." },
	{ "xswan_process_resident_memory_bytes", "gauge", "Memory of a process." },
	{ "xswan_process_open_fds", "gauge", "File descriptors of a process; absent where it is not ours to look." },
	{ "xswan_process_start_time_seconds", "gauge", "When a process was started, since the epoch." },
};

static void write_sample(FILE *out, int figure, const struct metrics_process *p)
{
	const char *family = figures[figure].family;

	if (!p->running || (figure == 2 && p->figures.open_fds < 0))
		return;
	fprintf(out, "%s{program=\"%s\"} ", family, p->program);
	switch (figure) {
	case 0:
		fprintf(out, "%.2f\n", p->figures.cpu_seconds);
		break;
	case 1:
		fprintf(out, "%" PRIu64 "\n", p->figures.resident_bytes);
		break;
	case 2:
		fprintf(out, "%d\n", p->figures.open_fds);
		break;
	default:
		fprintf(out, "%.2f\n", p->figures.start_time);
	}
}

void metrics_write_processes(const struct metrics *m, FILE *out)
{
	bool any = false;

	for (int i = 0; i < METRICS_PROCESSES; i++)
		any |= m->processes[i].running;
	for (size_t i = 0; any && i < sizeof(figures) / sizeof(figures[0]); i++) {
		text_family(out, figures[i].family, figures[i].type, figures[i].help);
		for (int j = 0; j < METRICS_PROCESSES; j++)
			write_sample(out, i, &m->processes[j]);
	}
	if (!m->worker_count)
		return;
	text_family(out, "xswan_worker_cpu_seconds_total", "counter",
		    "CPU time of a worker thread: its rate is the share of a core that it is busy.");
	for (int i = 0; i < m->worker_count; i++)
		fprintf(out, "xswan_worker_cpu_seconds_total{worker=\"%s\"} %.2f\n",
			m->workers[i].name + sizeof(METRICS_WORKER) - 1, m->workers[i].cpu_seconds);
}
