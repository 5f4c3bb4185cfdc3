/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance is one gateway: its name decides where its maps are pinned and where its
 * sockets are, so that several can run on one machine.
 */
#ifndef XSWAN_INSTANCE_H
#define XSWAN_INSTANCE_H

#include <stddef.h>

#define INSTANCE_DEFAULT "default"
#define INSTANCE_PATH 108 /* fits sun_path */
#define CONFIG_DIR_DEFAULT "/etc/xswan"

/* 1-32 characters of [A-Za-z0-9_-] (the bpf file system refuses dots); 0 or -EINVAL. */
int instance_check(const char *name);

/* /run/xswan/<name>/<file>; file: "dp", "vici", "xswan-dp.pid" … "" gives the directory */
const char *instance_run_path(const char *name, const char *file, char out[static INSTANCE_PATH]);
/* /sys/fs/bpf/xswan/<name>/<file> */
const char *instance_pin_path(const char *name, const char *file, char out[static INSTANCE_PATH]);

/*
 * What a daemon does first: makes /run/xswan/<name>/, mode 0755, takes the lock on <program>.pid there and writes
 * its pid into it. The lock ends with the process. 0 or -errno (-EBUSY: one runs already), said in the log.
 */
int instance_take(const char *name, const char *program);

#endif
