/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

void series_add(struct series *s, double value)
{
	if (s->count < SERIES_MAX)
		s->value[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int count)
{
	if (!count)
		return NAN;
	qsort(v, count, sizeof(*v), compare);
	return count % 2 ? v[count / 2] : (v[count / 2 - 1] + v[count / 2]) / 2;
}

double series_median(const struct series *s)
{
	double sorted[SERIES_MAX];

	memcpy(sorted, s->value, s->count * sizeof(sorted[0]));
	return median(sorted, s->count);
}

double series_spread(const struct series *s)
{
	double middle = series_median(s), away[SERIES_MAX];

	for (unsigned int i = 0; i < s->count; i++)
		away[i] = fabs(s->value[i] - middle);
	return median(away, s->count);
}

double measure_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

double measure_clock(void)
{
	double start = measure_now(), took;
	uint64_t ticks = measure_begin();

	do
		took = measure_now() - start;
	while (took < 0.02);
	ticks = measure_end() - ticks;
#ifdef __x86_64__
	printf("# clock: time-stamp counter, %.0f MHz\n", ticks / took / 1e6);
#else
	printf("# clock: nanoseconds, called cycles\n");
#endif
	return ticks / took / 1e6;
}

int measure_pin(int cpu)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (int i = 0; cpu < 0 && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(CPU_SETSIZE - 1 - i, &set))
			cpu = CPU_SETSIZE - 1 - i;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : cpu;
}

void measure_print(const char *suite, const char *name, const char *metric, const struct series *s)
{
	if (s->count)
		printf("%s/%s/%s %.6g %.3g\n", suite, name, metric, series_median(s), series_spread(s));
}

static void cpu_model(char *out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	snprintf(out, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) || !(colon = strchr(line, ':')))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, size, "%.100s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

void measure_machine(void)
{
	struct utsname u;
	char cpu[128];

	cpu_model(cpu, sizeof(cpu));
	printf("# machine: %s\n", cpu);
	if (!uname(&u))
		printf("# kernel: %s %s\n", u.sysname, u.release);
}
