/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"
#include "text.h"

#include <inttypes.h>

#include "../lib/counters.h"

static void write_daemon(const struct metrics *m, FILE *out)
{
	text_family(out, "xswan_up", "gauge", "1 when xswan-ike answers, else 0.");
	fprintf(out, "xswan_up %d\n", m->up);
	text_family(out, "xswan_build_info", "gauge", "Always 1; versions of this exporter and of xswan-ike.");
	fputs("xswan_build_info{", out);
	text_label(out, "version", XSWAN_VERSION);
	putc(',', out);
	text_label(out, "ike_version", m->up ? m->gw.version : "");
	fputs("} 1\n", out);
	if (!m->up)
		return;
	text_family(out, "xswan_ike_sas", "gauge", "IKE SAs, half-open ones included.");
	fprintf(out, "xswan_ike_sas %" PRIu64 "\n", m->gw.ike_sas);
	text_family(out, "xswan_ike_sas_half_open", "gauge", "IKE SAs whose peer has not authenticated yet.");
	fprintf(out, "xswan_ike_sas_half_open %" PRIu64 "\n", m->gw.half_open);
}

static void write_drops(const struct metrics *m, FILE *out)
{
	text_family(out, "xswan_drops_total", "counter", "Packets dropped, by reason.");
	for (int i = XSWAN_DROP_NONE + 1; i < XSWAN_DROP_COUNT; i++)
		fprintf(out, "xswan_drops_total{reason=\"%s\"} %" PRIu64 "\n", counters_drop_name[i], m->drops[i]);
}

int metrics_write(const struct metrics *m, FILE *out)
{
	int err = 0;

	write_daemon(m, out);
	if (m->up) {
		err = metrics_write_connections(m, out);
		if (!err)
			err = metrics_write_children(m, out);
		metrics_write_certificates(m, out);
	}
	if (m->have_drops)
		write_drops(m, out);
	if (m->have_counters)
		metrics_write_ike(m, out);
	if (m->have_dp)
		metrics_write_dataplane(&m->dp, out);
	metrics_write_processes(m, out);
	return err;
}
