/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of CPUs as the kernel and taskset write them: "2-5,8". */
#ifndef XSWAN_CPU_LIST_H
#define XSWAN_CPU_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_LIST_MAX 256u

struct cpu_list {
	uint32_t count;
	uint16_t cpu[CPU_LIST_MAX]; /* in the order in which they were written, each once; below CPU_SETSIZE */
};

/* False: not such a list, or longer than CPU_LIST_MAX. A newline at its end is allowed. */
bool cpu_list_parse(struct cpu_list *list, const char *text);

#endif
