/* SPDX-License-Identifier: Apache-2.0 */
#include "dp_state.h"

#include <stdio.h>
#include <unistd.h>

#include "instance.h"
#include "process.h"

void dp_state_load(struct dp_state *dp, const char *instance, const char *pid_path, const char *ports_path)
{
	char path[INSTANCE_PATH];
	json_error_t error;

	*dp = (struct dp_state){ .pid = process_locked(pid_path) };
	dp->pinned = !access(instance_pin_path(instance, "sa_in", path), F_OK);
	if (!dp->pid)
		return; /* the file, if any, is of a process that has gone */
	dp->ports = json_load_file(ports_path, 0, &error);
	if (!dp->ports)
		snprintf(dp->note, sizeof(dp->note), "no list of ports: %s", error.text);
	else if (!json_is_object(dp->ports)) {
		snprintf(dp->note, sizeof(dp->note), "no list of ports: %s is not a JSON object", ports_path);
		json_decref(dp->ports);
		dp->ports = NULL;
	}
}

void dp_state_free(struct dp_state *dp)
{
	json_decref(dp->ports);
	dp->ports = NULL;
}
