/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks share: a clock, series of figures with median and spread, and the lines they print.
 *
 * On standard output: "suite/case/metric value spread", and "# name: text" for what the figures belong to.
 * Progress goes to standard error.
 */
#ifndef XSWAN_BENCH_MEASURE_H
#define XSWAN_BENCH_MEASURE_H

#include <stdint.h>
#include <time.h>

#define SERIES_MAX 2048u

/*
 * Cycles of the time-stamp counter, which ticks at a constant rate whatever the core does. The fences keep work from
 * leaking out of the stretch between begin and end. Elsewhere: nanoseconds, and measure_clock() says so.
 */
#ifdef __x86_64__
#include <x86intrin.h>

static inline uint64_t measure_begin(void)
{
	_mm_lfence();
	return __rdtsc();
}

static inline uint64_t measure_end(void)
{
	unsigned int cpu;
	uint64_t now = __rdtscp(&cpu);

	_mm_lfence();
	return now;
}
#else
static inline uint64_t measure_begin(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline uint64_t measure_end(void)
{
	return measure_begin();
}
#endif

struct series {
	double value[SERIES_MAX];
	unsigned int count;
};

void series_add(struct series *s, double value); /* ignored once full */
double series_median(const struct series *s);
double series_spread(const struct series *s); /* median absolute deviation from the median */

/* Ticks of the clock above per microsecond, measured; prints "# clock: ...". */
double measure_clock(void);
double measure_now(void); /* seconds, monotonic */
/* To one CPU: -1 takes the last of those allowed. Returns it, or -errno. */
int measure_pin(int cpu);

void measure_print(const char *suite, const char *name, const char *metric, const struct series *s);
void measure_machine(void); /* "# machine: ...", "# kernel: ..." */

#endif
