/* SPDX-License-Identifier: Apache-2.0 */
#include "offloads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "../lib/ethtool.h"
#include "../lib/instance.h"
#include "../lib/log.h"

/* ---- what was switched off ---- */

/* {"eth0": ["rx-lro"]} */
static json_t *ledger_load(const char *instance)
{
	char path[INSTANCE_PATH];
	json_t *ledger = json_load_file(instance_run_path(instance, "offloads.json", path), 0, NULL);

	if (json_is_object(ledger))
		return ledger;
	json_decref(ledger);
	return json_object();
}

static int ledger_save(const char *instance, const json_t *ledger)
{
	char path[INSTANCE_PATH], fresh[INSTANCE_PATH];

	instance_run_path(instance, "offloads.json", path);
	instance_run_path(instance, "offloads.json.new", fresh);
	if (json_dump_file(ledger, fresh, JSON_INDENT(2)))
		return -EIO;
	return rename(fresh, path) ? -errno : 0;
}

static int ledger_add(const char *instance, const char *device, const char *feature)
{
	json_t *ledger = ledger_load(instance), *features = json_object_get(ledger, device), *known;
	int err = 0;
	size_t i;

	if (!json_is_array(features)) {
		features = json_array();
		json_object_set_new(ledger, device, features);
	}
	json_array_foreach(features, i, known)
		if (json_is_string(known) && !strcmp(json_string_value(known), feature))
			goto out;
	json_array_append_new(features, json_string(feature));
	err = ledger_save(instance, ledger);
out:
	json_decref(ledger);
	return err;
}

/* ---- ports ---- */

static bool switch_off(const char *instance, const char *device, struct ethtool_features *f, int number)
{
	int err = ledger_add(instance, device, f->name[number]);

	if (err) /* what could not be undone is not done */
		log_warn("%s: offloads.json: %s", device, strerror(-err));
	else
		err = ethtool_feature_set(device, f, number, false);
	if (err || ethtool_features_read(f, device) || ethtool_feature_on(f, number))
		return false;
	log_info("%s: %s switched off, until xswan-dp --detach: XDP has to see frames as they came", device,
		 f->name[number]);
	return true;
}

static void note_kept(struct port *port, const char *feature, const char *option, const char *why)
{
	const size_t used = strlen(port->offloads);

	snprintf(port->offloads + used, sizeof(port->offloads) - used, "%s%s", used ? " " : "", feature);
	log_warn("%s: %s stays on (%s), and XDP does not see all of every frame: ethtool -K %s %s off", port->device, feature,
		 why, port->device, option);
}

void offloads_apply(const char *instance, struct port *port, bool allowed)
{
	struct ethtool_features *f = calloc(1, sizeof(*f));

	port->offloads[0] = '\0';
	if (!f || ethtool_features_read(f, port->device))
		goto out; /* a device without features has none of these */
	for (const struct ethtool_unwanted *u = ethtool_unwanted; u->feature; u++) {
		const int number = ethtool_feature_number(f, u->feature);

		if (!ethtool_feature_on(f, number))
			continue;
		if (!allowed)
			note_kept(port, u->feature, u->option, "offloads = keep");
		else if (!ethtool_feature_changeable(f, number) || !switch_off(instance, port->device, f, number))
			note_kept(port, u->feature, u->option, "the driver keeps it");
	}
out:
	free(f);
}

static void restore_port(const char *device, const json_t *features)
{
	struct ethtool_features *f = calloc(1, sizeof(*f));
	json_t *feature;
	size_t i;

	if (!f || ethtool_features_read(f, device))
		goto out; /* the interface is gone */
	json_array_foreach((json_t *)features, i, feature) {
		const int number = json_is_string(feature) ? ethtool_feature_number(f, json_string_value(feature)) : -1;
		int err = number < 0 ? -ENOENT : ethtool_feature_set(device, f, number, true);

		if (err < 0)
			log_warn("%s: cannot switch an offload on again: %s", device, strerror(-err));
		else
			log_info("%s: %s is on again", device, f->name[number]);
	}
out:
	free(f);
}

void offloads_restore_port(const char *instance, const char *device)
{
	json_t *ledger = ledger_load(instance), *features = json_object_get(ledger, device);
	int err;

	if (features) {
		restore_port(device, features);
		json_object_del(ledger, device);
		err = ledger_save(instance, ledger);
		if (err)
			log_warn("%s: offloads.json: %s", device, strerror(-err));
	}
	json_decref(ledger);
}

void offloads_restore(const char *instance)
{
	json_t *ledger = ledger_load(instance), *features;
	char path[INSTANCE_PATH];
	const char *device;

	json_object_foreach(ledger, device, features)
		restore_port(device, features);
	json_decref(ledger);
	unlink(instance_run_path(instance, "offloads.json", path));
}
