/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a process and of its threads. */
#ifndef XSWAN_LIB_PROCESS_H
#define XSWAN_LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	double cpu_seconds; /* user and system, since it was started */
	double start_time; /* seconds since the epoch */
	uint64_t resident_bytes;
	int open_fds; /* -1: not ours to look at */
};

#define PROCESS_THREADS 64
struct process_thread {
	char name[16];
	double cpu_seconds;
};

/* The process that holds the lock of this pid file (instance_take); 0: none does. */
pid_t process_locked(const char *pid_path);
bool process_load(struct process *p, pid_t pid); /* false: it has gone */
/* At most `max` threads whose names begin so; returns how many. */
int process_load_threads(struct process_thread *threads, int max, pid_t pid, const char *name);

#endif
