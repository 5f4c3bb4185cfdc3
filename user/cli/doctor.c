/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/process.h"
#include "../vici/text.h"

const struct doctor_check doctor_checks[] = {
	{ "kernel", "machine", doctor_kernel },
	{ "bpf", "machine", doctor_bpf },
	{ "bpf-jit", "machine", doctor_bpf_jit },
	{ "btf", "machine", doctor_btf },
	{ "bpffs", "machine", doctor_bpffs },
	{ "af-xdp", "machine", doctor_af_xdp },
	{ "memlock", "machine", doctor_memlock },
	{ "hugepages", "machine", doctor_hugepages },
	{ "cpu", "machine", doctor_cpu },
	{ "clock", "machine", doctor_clock },
	{ "config", "daemons", doctor_config },
	{ "xswan-dp", "daemons", doctor_dp },
	{ "xswan-ike", "daemons", doctor_ike },
	{ "version", "daemons", doctor_version },
	{ "netns", "daemons", doctor_netns },
	{ "certificate", "daemons", doctor_certificates },
	{ "interface", "interfaces", doctor_interface },
	{ "xdp", "interfaces", doctor_xdp },
	{ "queue", "interfaces", doctor_queue },
	{ "queues", "interfaces", doctor_queues },
	{ "rings", "interfaces", doctor_rings },
	{ "offloads", "interfaces", doctor_offloads },
	{ "esp-hash", "interfaces", doctor_esp_hash },
	{ "mtu", "interfaces", doctor_mtu },
	{ "ports", "host", doctor_ports },
	{ "firewall", "host", doctor_firewall },
	{ "kernel-ipsec", "host", doctor_kernel_ipsec },
	{ "forwarding", "host", doctor_forwarding },
	{ "forwarding6", "host", doctor_forwarding6 },
	{ "rp-filter", "host", doctor_rp_filter },
	{ "redirects", "host", doctor_redirects },
	{ "policy", "tunnels", doctor_policy },
	{ "route-peer", "tunnels", doctor_route_peer },
	{ "route-remote", "tunnels", doctor_route_remote },
	{ "path-mtu", "tunnels", doctor_path_mtu },
	{ "nat", "tunnels", doctor_nat },
	{ NULL, NULL, NULL },
};

/* ---- what checks say ---- */

void doctor_say(struct doctor *d, enum doctor_level level, const char *subject, const char *format, ...)
{
	struct finding *f = calloc(1, sizeof(*f));
	va_list args;

	d->counts[level]++;
	if (!f)
		abort(); /* a clean bill of health for want of memory would be a lie */
	f->check = d->check;
	f->level = level;
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	text_clean(f->text, TEXT_ONE_LINE); /* names in a configuration, or a message about it */
	*(d->last ? &d->last->next : &d->first) = f;
	d->last = f;
}

void doctor_remedy(struct doctor *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->last->remedy, sizeof(d->last->remedy), format, args);
	va_end(args);
	text_clean(d->last->remedy, TEXT_ONE_LINE);
}

void doctor_needs_root(struct doctor *d)
{
	doctor_remedy(d, "sudo xswan -i %s doctor %s", d->cli->instance, d->dir);
}

/* Units are the default instance's; the shell waits for the end of a process that is no child of its own by tail(1). */
const char *doctor_start(const struct doctor *d, const char *program, char out[static DOCTOR_COMMAND])
{
	const pid_t pid = strcmp(program, "xswan-dp") ? d->ike_pid : d->dp.pid;
	char end[80] = "";

	if (pid)
		snprintf(end, sizeof(end), "kill %d && tail --pid=%d -f /dev/null && ", (int)pid, (int)pid);
	if (!strcmp(d->cli->instance, INSTANCE_DEFAULT) && !strcmp(d->dir, CONFIG_DIR_DEFAULT))
		snprintf(out, DOCTOR_COMMAND, "systemctl %s %s", pid ? "restart" : "start", program);
	else
		snprintf(out, DOCTOR_COMMAND, "%s%s -i %s -c %s &", end, program, d->cli->instance, d->dir);
	return out;
}

void doctor_remedy_start(struct doctor *d, const char *program)
{
	char command[DOCTOR_COMMAND];

	doctor_remedy(d, "%s", doctor_start(d, program, command));
}

void doctor_needs_ike(struct doctor *d)
{
	doctor_say(d, DOCTOR_UNKNOWN, "", "only xswan-ike knows, and it does not answer");
	doctor_remedy_start(d, "xswan-ike");
}

void doctor_each_port(struct doctor *d, void (*look)(struct doctor *d, const struct doctor_port *p))
{
	for (int i = 0; i < d->port_count; i++)
		if (d->ports[i].ifindex)
			look(d, &d->ports[i]);
}

/* ---- files ---- */

const char *doctor_path(const struct doctor *d, const char *path, char out[static 256])
{
	snprintf(out, 256, "%s%s", d->cli->root ? d->cli->root : "", path);
	return out;
}

bool doctor_exists(const struct doctor *d, const char *path)
{
	char full[256];

	return !access(doctor_path(d, path, full), F_OK);
}

int doctor_read_line(const struct doctor *d, const char *path, char *out, size_t size)
{
	char full[256];
	FILE *f = fopen(doctor_path(d, path, full), "re");
	int err = f ? 0 : -errno;

	out[0] = '\0';
	if (f && !fgets(out, (int)size, f))
		err = -EIO;
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = '\0';
	return err;
}

bool doctor_sysctl(const struct doctor *d, const char *key, long *value)
{
	char path[160], line[32], *end;

	snprintf(path, sizeof(path), "/proc/sys/%s", key);
	if (doctor_read_line(d, path, line, sizeof(line)))
		return false;
	*value = strtol(line, &end, 10);
	return end != line;
}

unsigned int doctor_kernel_version(const struct doctor *d)
{
	unsigned int major, minor;
	char release[128];

	if (doctor_read_line(d, "/proc/sys/kernel/osrelease", release, sizeof(release)) ||
	    sscanf(release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}

/* ---- what there is to look at ---- */

static void on_cert(void *ctx, const struct vici_message *msg)
{
	struct doctor *d = ctx;
	struct listed_cert *grown = reallocarray(d->certs, d->cert_count + 1, sizeof(*grown));

	if (!grown)
		return;
	d->certs = grown;
	if (listed_cert_read(&grown[d->cert_count], msg))
		d->cert_count++;
}

static void gather_ike(struct doctor *d)
{
	struct vici_client client;
	struct vici_message reply;
	char path[INSTANCE_PATH];

	d->ike_pid = process_locked(instance_run_path(d->cli->instance, "xswan-ike.pid", path));
	d->ike_error = vici_client_open(&client, d->cli->instance, d->cli->vici_path, VICI_CLIENT_TIMEOUT);
	if (!d->ike_error)
		d->ike_error = gateway_load(&d->gw, &client);
	if (!d->ike_error) {
		d->ike_error = vici_client_request(&client, "list-certs", NULL, "list-cert", on_cert, d, &reply);
		if (d->ike_error == -EOPNOTSUPP)
			d->ike_error = 0;
	}
	if (d->ike_error)
		snprintf(d->ike_text, sizeof(d->ike_text), "%s", client.error);
	vici_client_close(&client);
}

static struct doctor_port *add_port(struct doctor *d, const char *device, enum xswan_role role)
{
	struct doctor_port *p;

	for (int i = 0; i < d->port_count; i++)
		if (!strcmp(d->ports[i].device, device))
			return &d->ports[i];
	if (d->port_count == XSWAN_PORTS)
		return NULL;
	p = &d->ports[d->port_count++];
	*p = (struct doctor_port){ .role = role, .ifindex = (int)if_nametoindex(device) };
	snprintf(p->device, sizeof(p->device), "%s", device);
	return p;
}

/* Those of xswan.conf, and those that xswan-dp was started with, which another configuration may have had. */
static void gather_ports(struct doctor *d)
{
	const json_t *running;
	size_t i;

	for (int n = 0; n < d->conf.port_count; n++) {
		const struct gateway_port *port = &d->conf.ports[n];
		struct doctor_port *p = add_port(d, port->device, port->role);

		p->vnet = port->vnet;
		p->keep_offloads = port->keep_offloads;
	}
	json_array_foreach(json_object_get(d->dp.ports, "ports"), i, running)
	{
		const char *device = json_string_value(json_object_get(running, "device"));
		const char *role = json_string_value(json_object_get(running, "role"));
		struct doctor_port *p;

		if (!device || !role || !strcmp(role, "tunnel"))
			continue;
		p = add_port(d, device, strcmp(role, "outside") ? XSWAN_ROLE_INSIDE : XSWAN_ROLE_OUTSIDE);
		if (p)
			p->runs = running;
	}
}

static void gather(struct doctor *d)
{
	d->configured = !gateway_conf_load(&d->conf, d->dir, d->conf_error, sizeof(d->conf_error));
	if (!d->configured)
		d->conf.port_count = 0;
	dp_state_load(&d->dp, d->cli->instance, d->cli->dp_pid_path, d->cli->ports_path);
	gather_ports(d);
	gather_ike(d);
}

void doctor_free(struct doctor *d)
{
	for (struct finding *f = d->first, *next; f; f = next) {
		next = f->next;
		free(f);
	}
	free(d->certs);
	gateway_free(&d->gw);
	dp_state_free(&d->dp);
	free(d);
}

static int print(const struct doctor *d)
{
	json_t *object;
	int err;

	if (!d->cli->json) {
		doctor_print(d, d->cli->out, d->cli->colour);
		return 0;
	}
	object = doctor_json(d);
	err = !object || json_dumpf(object, d->cli->out, JSON_INDENT(2));
	if (err)
		fprintf(d->cli->err, "xswan: cannot write JSON: out of memory, or no room to write to\n");
	putc('\n', d->cli->out);
	json_decref(object);
	return err;
}

int cli_doctor(struct cli *cli, const char *operand)
{
	struct doctor *d = calloc(1, sizeof(*d));
	int exit;

	if (!d) {
		fprintf(cli->err, "xswan: out of memory\n");
		return CLI_FAILED;
	}
	d->cli = cli;
	d->dir = operand ? operand : CONFIG_DIR_DEFAULT;
	gather(d);
	for (d->check = doctor_checks; d->check->id; d->check++)
		d->check->run(d);
	exit = print(d) || d->counts[DOCTOR_FAIL] ? CLI_FAILED : CLI_OK;
	doctor_free(d);
	return exit;
}
