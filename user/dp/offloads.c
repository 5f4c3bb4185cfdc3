/* SPDX-License-Identifier: Apache-2.0 */
#include "offloads.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "../lib/instance.h"
#include "../lib/log.h"

/* As the kernel calls them, and as ethtool -K does. */
static const struct {
	const char *feature, *option;
} unwanted[] = {
	{ "rx-vlan-hw-parse", "rxvlan" },
	{ "rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse" },
	{ "rx-lro", "lro" },
	{ "rx-gro-hw", "rx-gro-hw" },
};
#define UNWANTED (sizeof(unwanted) / sizeof(unwanted[0]))

#define FEATURES_MAX 256u
#define BLOCKS (FEATURES_MAX / 32)

/* The features of this kernel, whose numbers are its own business. */
struct features {
	uint32_t count;
	char name[FEATURES_MAX][ETH_GSTRING_LEN];
};

static int ethtool(const char *device, void *request)
{
	struct ifreq ifr = { .ifr_data = request };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	err = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return err;
}

static int read_names(const char *device, struct features *f)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	struct ethtool_gstrings *strings;
	int err = ethtool(device, &set);

	if (err)
		return err;
	if (!set.info.sset_mask || set.count > FEATURES_MAX)
		return -EOPNOTSUPP;
	strings = calloc(1, sizeof(*strings) + (size_t)set.count * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	*strings = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = set.count };
	err = ethtool(device, strings);
	if (!err) {
		f->count = strings->len < set.count ? strings->len : set.count;
		memcpy(f->name, strings->data, (size_t)f->count * ETH_GSTRING_LEN);
	}
	free(strings);
	return err;
}

/* The number of a feature, or -1. */
static int number_of(const struct features *f, const char *name)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!strncmp(f->name[i], name, ETH_GSTRING_LEN))
			return (int)i;
	return -1;
}

static int read_state(const char *device, const struct features *f, struct ethtool_get_features_block blocks[BLOCKS])
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block block[BLOCKS];
	} get = { .head = { .cmd = ETHTOOL_GFEATURES, .size = (f->count + 31) / 32 } };
	int err = ethtool(device, &get);

	memcpy(blocks, get.block, sizeof(get.block));
	return err;
}

static int set_feature(const char *device, const struct features *f, int number, bool on)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block block[BLOCKS];
	} set = { .head = { .cmd = ETHTOOL_SFEATURES, .size = (f->count + 31) / 32 } };
	const uint32_t bit = 1u << number % 32;

	set.block[number / 32] = (struct ethtool_set_features_block){ .valid = bit, .requested = on ? bit : 0 };
	return ethtool(device, &set);
}

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

static bool is_on(const struct ethtool_get_features_block *blocks, int number)
{
	return number >= 0 && blocks[number / 32].active & 1u << number % 32;
}

static bool is_changeable(const struct ethtool_get_features_block *blocks, int number)
{
	return blocks[number / 32].available & ~blocks[number / 32].never_changed & 1u << number % 32;
}

static bool switch_off(const char *instance, const char *device, const struct features *f, int number)
{
	struct ethtool_get_features_block blocks[BLOCKS];
	int err = ledger_add(instance, device, f->name[number]);

	if (err) /* what could not be undone is not done */
		log_warn("%s: offloads.json: %s", device, strerror(-err));
	else
		err = set_feature(device, f, number, false);
	if (err || read_state(device, f, blocks) || is_on(blocks, number))
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
	struct ethtool_get_features_block blocks[BLOCKS];
	struct features *f = calloc(1, sizeof(*f));

	port->offloads[0] = '\0';
	if (!f || read_names(port->device, f) || read_state(port->device, f, blocks))
		goto out; /* a device without features has none of these */
	for (size_t i = 0; i < UNWANTED; i++) {
		const int number = number_of(f, unwanted[i].feature);

		if (!is_on(blocks, number))
			continue;
		if (!allowed)
			note_kept(port, unwanted[i].feature, unwanted[i].option, "offloads = keep");
		else if (!is_changeable(blocks, number) || !switch_off(instance, port->device, f, number))
			note_kept(port, unwanted[i].feature, unwanted[i].option, "the driver keeps it");
	}
out:
	free(f);
}

static void restore_port(const char *device, const json_t *features)
{
	struct features *f = calloc(1, sizeof(*f));
	json_t *feature;
	size_t i;

	if (!f || read_names(device, f))
		goto out; /* the interface is gone */
	json_array_foreach((json_t *)features, i, feature) {
		const int number = json_is_string(feature) ? number_of(f, json_string_value(feature)) : -1;
		int err = number < 0 ? -ENOENT : set_feature(device, f, number, true);

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
