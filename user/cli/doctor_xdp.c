/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: how XDP and AF_XDP run on each interface and queue, and what could run better. */
#include "doctor.h"

#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "netlink.h"

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The name of the program there: "" if there is none, "?" if it is hidden. */
static void attached_program(const struct doctor_port *p, char name[static BPF_OBJ_NAME_LEN], uint32_t *id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd;

	*id = 0;
	name[0] = '\0';
	if (bpf_xdp_query_id(p->ifindex, 0, id) || !*id)
		return;
	fd = bpf_prog_get_fd_by_id(*id);
	strcpy(name, "?");
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(name, info.name, sizeof(info.name));
	if (fd >= 0)
		close(fd);
}

static const char *could_run(const struct doctor_port *p)
{
	uint64_t features;

	if (netlink_xdp_features(p->ifindex, &features))
		return "what its driver can is not known";
	if (features & NETLINK_XDP_ZEROCOPY)
		return "its driver has native XDP and zero-copy";
	return features & NETLINK_XDP_NATIVE ? "its driver has native XDP, no zero-copy"
					     : "its driver has generic XDP alone";
}

static bool can_native(const struct doctor_port *p)
{
	uint64_t features;

	return !netlink_xdp_features(p->ifindex, &features) && features & NETLINK_XDP_NATIVE;
}

static void look_at_foreign_xdp(struct doctor *d, const struct doctor_port *p, const char *name, uint32_t id)
{
	doctor_say(d, DOCTOR_FAIL, p->device,
		   "another XDP program is attached, %s (id %u): xswan-dp will not start beside it", name, id);
	if (!strcmp(name, "xdp_dispatcher"))
		doctor_remedy(d, "xdp-loader unload %s --all", p->device);
	else
		doctor_remedy(d, "ip link set dev %s xdp off", p->device);
}

/* What xswan-dp says of itself, held against what the kernel says is attached. */
static void look_at_running_xdp(struct doctor *d, const struct doctor_port *p, const char *name, uint32_t id)
{
	const char *attach = string_of(p->runs, "attach"), *note = string_of(p->runs, "note");
	char start[DOCTOR_COMMAND];

	if (!strcmp(attach, "tc")) {
		doctor_say(d, DOCTOR_OK, p->device, "TC (backend = vnet)");
	} else if (!id || (strcmp(name, doctor_role(p)) && strcmp(name, "?") && strcmp(attach, "external"))) {
		doctor_say(d, DOCTOR_FAIL, p->device, "xswan's program is no longer attached: %s%s",
			   id ? "in its place is " : "none is", name);
		doctor_remedy_start(d, "xswan-dp");
	} else if (!strcmp(attach, "generic") && can_native(p)) {
		doctor_say(d, DOCTOR_WARN, p->device, "generic XDP, and its driver has native XDP%s%s",
			   note[0] ? ": " : "", note);
		if (d->configured && d->conf.attach == ATTACH_GENERIC)
			doctor_remedy(d, "sed -i 's/attach *= *generic/attach = auto/' %s/xswan.conf && %s", d->dir,
				      doctor_start(d, "xswan-dp", start));
		else /* often queues or rings that the driver wants first: the kernel's log says */
			doctor_remedy(d, "dmesg | grep -i %s | tail -n 5 # says why native XDP was refused", p->device);
	} else {
		doctor_say(d, DOCTOR_OK, p->device, "%s%s%s%s", attach,
			   strcmp(attach, "external") ? " XDP" : " program", note[0] ? ": " : "", note);
	}
}

static void look_at_xdp(struct doctor *d, const struct doctor_port *p)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id;

	attached_program(p, name, &id);
	if (p->runs)
		look_at_running_xdp(d, p, name, id);
	else if (id && strcmp(name, doctor_role(p)) && strcmp(name, "?") && !p->vnet &&
		 d->conf.attach != ATTACH_EXTERNAL)
		look_at_foreign_xdp(d, p, name, id);
	else if (id)
		doctor_say(d, DOCTOR_OK, p->device, "program %s (id %u) is attached; %s", name, id, could_run(p));
	else
		doctor_say(d, DOCTOR_OK, p->device, "no program is attached yet; %s", could_run(p));
}

void doctor_xdp(struct doctor *d)
{
	doctor_each_port(d, look_at_xdp);
}

static void look_at_queue(struct doctor *d, const struct doctor_port *p, const json_t *queue)
{
	const char *mode = string_of(queue, "mode"), *reason = string_of(queue, "reason");
	const json_int_t stalls = json_integer_value(json_object_get(queue, "stalls"));
	uint64_t features = 0;
	char subject[64], text[160];

	snprintf(subject, sizeof(subject), "%s queue %lld", p->device,
		 (long long)json_integer_value(json_object_get(queue, "queue")));
	snprintf(text, sizeof(text), "%s, worker %lld%s%s", mode,
		 (long long)json_integer_value(json_object_get(queue, "worker")), reason[0] ? ": " : "", reason);
	if (!strcmp(mode, "copy") && !netlink_xdp_features(p->ifindex, &features) && features & NETLINK_XDP_ZEROCOPY) {
		doctor_say(d, DOCTOR_WARN, subject, "%s; its driver has zero-copy", text);
		if (!strcmp(string_of(p->runs, "attach"), "generic"))
			doctor_remedy(d, "# first see the check xdp of %s", p->device);
		else
			doctor_remedy(d, "dmesg | grep -i %s | tail -n 5 # says why zero-copy was refused", p->device);
	} else if (stalls) {
		doctor_say(d, DOCTOR_WARN, subject, "%s; stalled and kicked %lld time%s", text, (long long)stalls,
			   stalls == 1 ? "" : "s");
		doctor_remedy(d, "ethtool -S %s # has errors of the card; another driver or firmware", p->device);
	} else {
		doctor_say(d, DOCTOR_OK, subject, "%s", text);
	}
}

void doctor_queue(struct doctor *d)
{
	const json_t *queue;
	size_t n;

	for (int i = 0; i < d->port_count; i++)
		json_array_foreach(json_object_get(d->ports[i].runs, "queues"), n, queue)
			look_at_queue(d, &d->ports[i], queue);
}
