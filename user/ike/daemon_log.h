/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the engine's as the log has it: its text with what it is about before it, and its fields. */
#ifndef XSWAN_IKE_DAEMON_LOG_H
#define XSWAN_IKE_DAEMON_LOG_H

#include "engine.h"

void daemon_log(const struct ike_log *line);

#endif
