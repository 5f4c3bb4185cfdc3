/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu_list.h"

#include <ctype.h>
#include <sched.h>
#include <stdlib.h>

static bool add(struct cpu_list *list, unsigned long cpu)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->cpu[i] == cpu)
			return false;
	if (list->count == CPU_LIST_MAX)
		return false;
	list->cpu[list->count++] = (uint16_t)cpu;
	return true;
}

static bool number(const char **at, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	*out = strtoul(*at, &end, 10);
	*at = end;
	return *out < CPU_SETSIZE;
}

static bool range(struct cpu_list *list, const char **at)
{
	unsigned long first, last;

	if (!number(at, &first))
		return false;
	last = first;
	if (**at == '-') {
		++*at;
		if (!number(at, &last) || last < first)
			return false;
	}
	for (unsigned long cpu = first; cpu <= last; cpu++)
		if (!add(list, cpu))
			return false;
	return true;
}

bool cpu_list_parse(struct cpu_list *list, const char *text)
{
	list->count = 0;
	do
		if (!range(list, &text))
			return false;
	while (*text++ == ',');
	text--;
	return !*text || (*text == '\n' && !text[1]);
}
