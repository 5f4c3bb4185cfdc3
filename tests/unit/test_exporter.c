/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter against a canned gateway: every line of its text, and its HTTP. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "../../user/exporter/http.h"
#include "../../user/exporter/metrics.h"
#include "../../user/lib/log.h"
#include "canned_certs.h"

struct world {
	char dir[32], path[64];
	pid_t gateway;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/xswan-exp-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/vici", w->dir);
	w->gateway = canned_start(w->path, canned_commands);
	assert_true(w->gateway > 0);
	log_configure(&(struct log_settings){ .level = LOG_LEVEL_ERROR });
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	canned_stop(w->gateway);
	unlink(w->path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* ---- the text ---- */

#define NET "{conn=\"site-b\",child=\"net\",peer_id=\"b.example\""
#define DMZ "{conn=\"site-b\",child=\"dmz\",peer_id=\"b.example\""
#define ALICE "{conn=\"road\",child=\"any\",peer_id=\"alice@example.com\""
#define HOSTILE "{conn=\"road\",child=\"any\",peer_id=\"ev\\\"il\\\\ ?[31m x\""
#define SPARE "{conn=\"road\",child=\"spare\",peer_id=\"bob@example.com\""
#define GONE "{conn=\"old\",child=\"gone\",peer_id=\"198.51.100.9\""

/* alice's SAs are one series: 10 + 1 packets, the later of two last uses */
static const char canned_metrics[] =
	"# HELP xswan_up 1 when xswan-ike answers, else 0.\n"
	"# TYPE xswan_up gauge\n"
	"xswan_up 1\n"
	"# HELP xswan_build_info Always 1; versions of this exporter and of xswan-ike.\n"
	"# TYPE xswan_build_info gauge\n"
	"xswan_build_info{version=\"" XSWAN_VERSION "\",ike_version=\"9.9.9\"} 1\n"
	"# HELP xswan_ike_sas IKE SAs, half-open ones included.\n"
	"# TYPE xswan_ike_sas gauge\n"
	"xswan_ike_sas 4\n"
	"# HELP xswan_ike_sas_half_open IKE SAs whose peer has not authenticated yet.\n"
	"# TYPE xswan_ike_sas_half_open gauge\n"
	"xswan_ike_sas_half_open 1\n"
	"# HELP xswan_connection_ike_sas Established IKE SAs of a connection.\n"
	"# TYPE xswan_connection_ike_sas gauge\n"
	"xswan_connection_ike_sas{conn=\"site-b\"} 1\n"
	"xswan_connection_ike_sas{conn=\"road\"} 2\n"
	"xswan_connection_ike_sas{conn=\"old\"} 1\n"
	"# HELP xswan_connection_rekeys_total Rekeys of a connection's SAs, by result.\n"
	"# TYPE xswan_connection_rekeys_total counter\n"
	"xswan_connection_rekeys_total{conn=\"site-b\",sa=\"child\",result=\"ok\"} 7\n"
	"xswan_connection_rekeys_total{conn=\"site-b\",sa=\"ike\",result=\"ok\"} 0\n"
	"xswan_connection_rekeys_total{conn=\"site-b\",sa=\"child\",result=\"refused\"} 1\n"
	"xswan_connection_rekeys_total{conn=\"road\",sa=\"child\",result=\"ok\"} 30\n"
	"xswan_connection_rekeys_total{conn=\"road\",sa=\"ike\",result=\"ok\"} 0\n"
	"xswan_connection_rekeys_total{conn=\"road\",sa=\"child\",result=\"refused\"} 1\n"
	"xswan_connection_rekeys_total{conn=\"old\",sa=\"child\",result=\"ok\"} 0\n"
	"xswan_connection_rekeys_total{conn=\"old\",sa=\"ike\",result=\"ok\"} 0\n"
	"# HELP xswan_connection_events_total What happened with a connection, by event.\n"
	"# TYPE xswan_connection_events_total counter\n"
	"xswan_connection_events_total{conn=\"site-b\",event=\"retransmit_tx\"} 0\n"
	"xswan_connection_events_total{conn=\"site-b\",event=\"ike_up\"} 0\n"
	"xswan_connection_events_total{conn=\"site-b\",event=\"dpd_timeout\"} 0\n"
	"xswan_connection_events_total{conn=\"site-b\",event=\"peer_moved\"} 4\n"
	"xswan_connection_events_total{conn=\"road\",event=\"retransmit_tx\"} 5\n"
	"xswan_connection_events_total{conn=\"road\",event=\"ike_up\"} 0\n"
	"xswan_connection_events_total{conn=\"road\",event=\"dpd_timeout\"} 0\n"
	"xswan_connection_events_total{conn=\"road\",event=\"peer_moved\"} 4\n"
	"xswan_connection_events_total{conn=\"old\",event=\"retransmit_tx\"} 0\n"
	"xswan_connection_events_total{conn=\"old\",event=\"ike_up\"} 0\n"
	"xswan_connection_events_total{conn=\"old\",event=\"dpd_timeout\"} 0\n"
	"# HELP xswan_connection_failures_total Negotiations of a connection that came to nothing, by reason.\n"
	"# TYPE xswan_connection_failures_total counter\n"
	"xswan_connection_failures_total{conn=\"site-b\",reason=\"no_proposal\"} 2\n"
	"# HELP xswan_ike_handshake_seconds From the first IKE_SA_INIT until the peer has authenticated, by how it did.\n"
	"# TYPE xswan_ike_handshake_seconds histogram\n"
	"xswan_ike_handshake_seconds_bucket{role=\"responder\",auth=\"psk\",le=\"0.025\"} 5\n"
	"xswan_ike_handshake_seconds_bucket{role=\"responder\",auth=\"psk\",le=\"2.5\"} 5\n"
	"xswan_ike_handshake_seconds_bucket{role=\"responder\",auth=\"psk\",le=\"30\"} 8\n"
	"xswan_ike_handshake_seconds_bucket{role=\"responder\",auth=\"psk\",le=\"+Inf\"} 9\n"
	"xswan_ike_handshake_seconds_sum{role=\"responder\",auth=\"psk\"} 31.250000\n"
	"xswan_ike_handshake_seconds_count{role=\"responder\",auth=\"psk\"} 9\n"
	"# HELP xswan_ike_failures_total Negotiations that came to nothing, by reason.\n"
	"# TYPE xswan_ike_failures_total counter\n"
	"xswan_ike_failures_total{reason=\"no_proposal\"} 3\n"
	"xswan_ike_failures_total{reason=\"authentication\"} 0\n"
	"# HELP xswan_child_up 1 when an SA of this configured child carries packets, else 0.\n"
	"# TYPE xswan_child_up gauge\n"
	"xswan_child_up" NET "} 1\n"
	"xswan_child_up" DMZ "} 0\n"
	"xswan_child_up" ALICE "} 1\n"
	"xswan_child_up" HOSTILE "} 0\n"
	"xswan_child_up" SPARE "} 0\n"
	"xswan_child_up" GONE "} 1\n"
	"# HELP xswan_child_packets_total Inner packets.\n"
	"# TYPE xswan_child_packets_total counter\n"
	"xswan_child_packets_total" NET ",direction=\"in\"} 1300\n"
	"xswan_child_packets_total" NET ",direction=\"out\"} 66\n"
	"xswan_child_packets_total" DMZ ",direction=\"in\"} 0\n"
	"xswan_child_packets_total" DMZ ",direction=\"out\"} 0\n"
	"xswan_child_packets_total" ALICE ",direction=\"in\"} 11\n"
	"xswan_child_packets_total" ALICE ",direction=\"out\"} 0\n"
	"xswan_child_packets_total" HOSTILE ",direction=\"in\"} 0\n"
	"xswan_child_packets_total" HOSTILE ",direction=\"out\"} 0\n"
	"xswan_child_packets_total" SPARE ",direction=\"in\"} 7\n"
	"xswan_child_packets_total" SPARE ",direction=\"out\"} 7\n"
	"xswan_child_packets_total" GONE ",direction=\"in\"} 0\n"
	"xswan_child_packets_total" GONE ",direction=\"out\"} 0\n"
	"# HELP xswan_child_bytes_total Bytes of inner packets.\n"
	"# TYPE xswan_child_bytes_total counter\n"
	"xswan_child_bytes_total" NET ",direction=\"in\"} 1542600\n"
	"xswan_child_bytes_total" NET ",direction=\"out\"} 6600\n"
	"xswan_child_bytes_total" DMZ ",direction=\"in\"} 0\n"
	"xswan_child_bytes_total" DMZ ",direction=\"out\"} 0\n"
	"xswan_child_bytes_total" ALICE ",direction=\"in\"} 1100\n"
	"xswan_child_bytes_total" ALICE ",direction=\"out\"} 0\n"
	"xswan_child_bytes_total" HOSTILE ",direction=\"in\"} 0\n"
	"xswan_child_bytes_total" HOSTILE ",direction=\"out\"} 0\n"
	"xswan_child_bytes_total" SPARE ",direction=\"in\"} 700\n"
	"xswan_child_bytes_total" SPARE ",direction=\"out\"} 700\n"
	"xswan_child_bytes_total" GONE ",direction=\"in\"} 0\n"
	"xswan_child_bytes_total" GONE ",direction=\"out\"} 0\n"
	"# HELP xswan_child_mtu_bytes Largest inner packet that fits the tunnel.\n"
	"# TYPE xswan_child_mtu_bytes gauge\n"
	"xswan_child_mtu_bytes" NET "} 1346\n"
	"# HELP xswan_child_path_mtu_bytes Largest outer packet: the route's MTU, or what a router said.\n"
	"# TYPE xswan_child_path_mtu_bytes gauge\n"
	"xswan_child_path_mtu_bytes" NET "} 1400\n"
	"# HELP xswan_child_last_packet_timestamp_seconds When the last packet was, in seconds since 1970, to a second or two; "
	"absent before the first.\n"
	"# TYPE xswan_child_last_packet_timestamp_seconds gauge\n"
	"xswan_child_last_packet_timestamp_seconds" NET ",direction=\"in\"} 1700000098\n"
	"xswan_child_last_packet_timestamp_seconds" NET ",direction=\"out\"} 1700000040\n"
	"xswan_child_last_packet_timestamp_seconds" ALICE ",direction=\"in\"} 1700000093\n"
	"# HELP xswan_certificate_expiry_timestamp_seconds When a certificate ends, in seconds since 1970; role own (with a private "
	"key), peer or ca.\n"
	"# TYPE xswan_certificate_expiry_timestamp_seconds gauge\n"
	"# HELP xswan_crl_expiry_timestamp_seconds When the successor of a revocation list is due, in seconds since 1970.\n"
	"# TYPE xswan_crl_expiry_timestamp_seconds gauge\n";

static void load(struct world *w, struct metrics *m)
{
	struct vici_client client;

	*m = (struct metrics){ .up = true, .now = 1700000100 };
	assert_int_equal(vici_client_open(&client, "x", w->path, VICI_CLIENT_TIMEOUT), 0);
	assert_int_equal(gateway_load(&m->gw, &client), 0);
	assert_int_equal(gateway_load_outcomes(&m->gw, &client), 0);
	vici_client_close(&client);
}

static char *text_of(const struct metrics *m)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(metrics_write(m, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* The first line that differs says more than two pages that do. */
static void assert_lines(const char *got, const char *want)
{
	for (int line = 1; *got || *want; line++) {
		size_t got_len = strcspn(got, "\n"), want_len = strcspn(want, "\n");

		if (got_len != want_len || memcmp(got, want, got_len))
			fail_msg("line %d: '%.*s', not '%.*s'", line, (int)got_len, got, (int)want_len, want);
		got += got_len + (got[got_len] == '\n');
		want += want_len + (want[want_len] == '\n');
	}
}

static void test_metrics(void **state)
{
	struct world *w = *state;
	struct metrics m;
	char *text;

	load(w, &m);
	text = text_of(&m);
	assert_lines(text, canned_metrics);
	assert_null(strstr(text, "c0ffee01")); /* an SPI as a label would be a new series with every rekey */
	gateway_free(&m.gw);
	free(text);
}

static void test_certificates(void **state)
{
	struct world *w = *state;
	struct metrics m = { .up = false };
	struct vici_client client;
	char *text = NULL;
	size_t len;
	FILE *out;

	canned_certs_make();
	canned_stop(w->gateway);
	w->gateway = canned_start(w->path, canned_cert_commands);
	assert_int_equal(vici_client_open(&client, "test", w->path, 5000), 0);
	assert_int_equal(metrics_gather_certificates(&m, &client), 0);
	vici_client_close(&client);
	out = open_memstream(&text, &len);
	metrics_write_certificates(&m, out);
	fclose(out);
	assert_lines(text, "# HELP xswan_certificate_expiry_timestamp_seconds When a certificate ends, in seconds since 1970; role own "
			   "(with a private key), peer or ca.\n"
			   "# TYPE xswan_certificate_expiry_timestamp_seconds gauge\n"
			   "xswan_certificate_expiry_timestamp_seconds{subject=\"CN=gw,C=CH\",serial=\"02\",role=\"own\",issuer=\"CN=ca,C=CH\","
			   "file=\"x509/gw.pem\"} 926864000\n"
			   "xswan_certificate_expiry_timestamp_seconds{subject=\"CN=ca,C=CH\",serial=\"01\",role=\"ca\",issuer=\"CN=ca,C=CH\","
			   "file=\"x509ca/ca.pem\"} 10429913600\n"
			   "# HELP xswan_crl_expiry_timestamp_seconds When the successor of a revocation list is due, in seconds since 1970.\n"
			   "# TYPE xswan_crl_expiry_timestamp_seconds gauge\n");
	free(text);
	free(m.certs);
	pki_free(&canned_pki);
}

static void test_counters(void **state)
{
	static struct metrics m = { .have_drops = true, .have_counters = true };
	char *text, line[128];

	m.drops[XSWAN_DROP_NONE] = 7;
	for (int i = 1; i < XSWAN_DROP_COUNT; i++)
		m.drops[i] = 1000 + i;
	for (int i = 0; i < XSWAN_IKE_COUNTER_COUNT; i++)
		m.counters[i] = 2000 + i;
	text = text_of(&m);
	assert_non_null(strstr(text, "xswan_up 0\n"));
	assert_null(strstr(text, "xswan_ike_sas")); /* unknown is not zero */
	assert_null(strstr(text, "reason=\"none\""));
#define X(id, name, sentence)                                                                                  \
	snprintf(line, sizeof(line), "\nxswan_drops_total{reason=\"%s\"} %d\n", name, 1000 + XSWAN_DROP_##id); \
	assert_int_equal(strstr(text, line) != NULL, XSWAN_DROP_##id != XSWAN_DROP_NONE);
	XSWAN_DROPS(X)
#undef X
#define X(id, name, sentence)                                                                                     \
	snprintf(line, sizeof(line), "\nxswan_ike_events_total{event=\"%s\"} %d\n", name, 2000 + XSWAN_IKE_##id); \
	assert_int_equal(strstr(text, line) != NULL, !strstr(name, "_rekey"));
	XSWAN_IKE_COUNTERS(X)
#undef X
	snprintf(line, sizeof(line), "\nxswan_ike_rekeys_total{sa=\"child\",result=\"collision\"} %d\n",
		 2000 + XSWAN_IKE_CHILD_REKEY_COLLISION);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nxswan_ike_rekeys_total{sa=\"ike\",result=\"ok\"} %d\n", 2000 + XSWAN_IKE_IKE_REKEYED);
	assert_non_null(strstr(text, line));
	free(text);
}

static void test_dataplane(void **state)
{
	static struct metrics m = { .have_dp = true };
	char *text = text_of(&m);

	assert_non_null(strstr(text, "\nxswan_dataplane_up 0\n"));
	assert_null(strstr(text, "xswan_queue"));
	free(text);

	m.dp.pid = 1;
	m.dp.ports = json_loads("{\"workers\": 3, \"hugepages\": true, \"memory\": {\"frames\": 5, \"sas\": 7}, \"ports\": [{\"device\": \"eth\\\"0\", \"role\": \"inside\","
				" \"attach\": \"native\", \"note\": \"n\", \"offloads\": \"rx-lro\", \"queues\": [{\"queue\": 5,"
				" \"mode\": \"copy\", \"reason\": \"r\", \"worker\": 2, \"placement\": \"CPU 7\", \"stalls\": 9}]}]}",
				0, NULL);
	assert_non_null(m.dp.ports);
	text = text_of(&m);
	assert_non_null(strstr(text, "\nxswan_dataplane_up 1\n"));
	assert_non_null(strstr(text, "\nxswan_dataplane_workers 3\n"));
	assert_non_null(strstr(text, "\nxswan_dataplane_hugepages 1\n"));
	assert_non_null(strstr(text, "\nxswan_dataplane_memory_bytes{kind=\"frames\"} 5\n"));
	assert_non_null(strstr(text, "\nxswan_dataplane_memory_bytes{kind=\"sas\"} 7\n"));
	assert_non_null(strstr(text, "\nxswan_port_info{device=\"eth\\\"0\",role=\"inside\",attach=\"native\",note=\"n\","
				     "offloads=\"rx-lro\"} 1\n"));
	assert_non_null(strstr(text, "\nxswan_queue_info{device=\"eth\\\"0\",queue=\"5\",worker=\"2\",placement=\"CPU 7\","
				     "mode=\"copy\",reason=\"r\"} 1\n"));
	assert_non_null(strstr(text, "\nxswan_queue_stalls_total{device=\"eth\\\"0\",queue=\"5\"} 9\n"));
	free(text);
	dp_state_free(&m.dp);
}

/* Of a histogram there are samples with three endings. */
static bool is_of(const char *line, const char *family, bool histogram)
{
	static const char *const endings[] = { "_bucket{", "_sum{", "_count{" };
	const size_t len = strlen(family);

	if (strncmp(line, family, len))
		return false;
	for (int i = 0; histogram && i < 3; i++)
		if (!strncmp(line + len, endings[i], strlen(endings[i])))
			return true;
	return !histogram && strchr("{ ", line[len]);
}

/* Each family is announced once, before its first sample, and no series comes twice. */
static void test_format(void **state)
{
	struct world *w = *state;
	char *lines[512], *text, family[64], *next;
	bool histogram = false;
	struct metrics m;
	size_t count = 0;

	load(w, &m);
	m.have_drops = m.have_counters = true;
	text = text_of(&m);
	family[0] = '\0';
	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next); /* the last line ends, too */
		*next++ = '\0';
		assert_true(count < 512);
		for (size_t i = 0; i < count; i++)
			if (!strncmp(lines[i], line, strrchr(line, ' ') - line + 1))
				fail_msg("twice: %s", line);
		lines[count++] = line;
		if (!strncmp(line, "# TYPE ", 7)) {
			snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
			histogram = strstr(line, " histogram");
		}
		if (line[0] != '#' && !is_of(line, family, histogram))
			fail_msg("not of family %s: %s", family, line);
	}
	assert_true(count > 100);
	gateway_free(&m.gw);
	free(text);
}

/* ---- HTTP ---- */

struct http {
	struct event_base *base;
	struct exporter *exporter;
	char answer[65536];
};

static void start(struct http *h, const char *path)
{
	char why[160];

	h->base = event_base_new();
	assert_int_equal(exporter_new(&h->exporter, h->base, "no-such-instance", path, "127.0.0.1:0", why, sizeof(why)),
			 0);
	assert_int_not_equal(exporter_port(h->exporter), 0);
}

static void stop(struct http *h)
{
	exporter_free(h->exporter);
	event_base_free(h->base);
}

static const char *ask(struct http *h, const char *request)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	time_t limit = time(NULL) + 8;
	size_t len = 0;
	ssize_t n;

	to.sin_port = htons(exporter_port(h->exporter));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (;;) {
		assert_true(event_base_loop(h->base, EVLOOP_NONBLOCK) >= 0);
		n = recv(fd, h->answer + len, sizeof(h->answer) - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += n;
		assert_true(time(NULL) <= limit);
	}
	close(fd);
	h->answer[len] = '\0';
	return h->answer;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define OK "HTTP/1.1 200 "

static void test_http(void **state)
{
	static const char dataplane[] = "# HELP xswan_dataplane_up 1 when xswan-dp runs, else 0.\n"
					"# TYPE xswan_dataplane_up gauge\n"
					"xswan_dataplane_up 0\n";
	const char *certificates = strstr(canned_metrics, "# HELP xswan_certificate"), *body;
	static struct http h;
	struct world *w = *state;

	start(&h, w->path);
	assert_memory_equal(ask(&h, GET("/metrics")), OK, strlen(OK));
	assert_non_null(strstr(h.answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	body = strstr(h.answer, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(strncmp(body + 4, canned_metrics, strstr(canned_metrics, "_last_packet_") - canned_metrics), 0);
	body = strstr(body, "_last_packet_timestamp_seconds{");
	assert_non_null(body);
	assert_in_range(strtoull(strchr(body, '}') + 2, NULL, 10), time(NULL) - 7, time(NULL) - 2); /* that long it has been idle */
	body = strstr(body, "# HELP xswan_certificate");
	assert_non_null(body);
	assert_int_equal(strncmp(body, certificates, strlen(certificates)), 0);
	body += strlen(certificates);
	assert_int_equal(strncmp(body, dataplane, strlen(dataplane)), 0);
	body += strlen(dataplane);
	assert_non_null(strstr(body, "\nxswan_process_resident_memory_bytes{program=\"xswan-exporter\"} "));
	assert_memory_equal(ask(&h, GET("/healthz")), OK, strlen(OK));
	assert_memory_equal(ask(&h, GET("/readyz")), OK, strlen(OK));
	assert_memory_equal(ask(&h, GET("/")), "HTTP/1.1 404 ", 13);
	assert_memory_equal(ask(&h, "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
			    "HTTP/1.1 501 ", 13);

	canned_stop(w->gateway);
	w->gateway = 0;
	assert_memory_equal(ask(&h, GET("/metrics")), OK, strlen(OK));
	assert_non_null(strstr(h.answer, "\nxswan_up 0\n"));
	assert_memory_equal(ask(&h, GET("/healthz")), OK, strlen(OK));
	assert_memory_equal(ask(&h, GET("/readyz")), "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(h.answer, "xswan-ike is not running"));
	stop(&h);
}

static void test_openmetrics(void **state)
{
	static struct http h;
	struct world *w = *state;

	start(&h, w->path);
	ask(&h, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n"
		"Connection: close\r\n\r\n");
	assert_memory_equal(h.answer, OK, strlen(OK));
	assert_non_null(strstr(h.answer, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
	assert_non_null(strstr(h.answer, "\n# HELP xswan_child_packets Inner packets.\n"
					 "# TYPE xswan_child_packets counter\n"
					 "xswan_child_packets_total" NET ",direction=\"in\"} 1300\n"));
	assert_non_null(strstr(h.answer, "\n# TYPE xswan_child_up gauge\n"));
	assert_string_equal(h.answer + strlen(h.answer) - 7, "\n# EOF\n");
	stop(&h);
}

static void test_processes(void **state)
{
	static struct metrics m;
	char *text;

	m.processes[0] = (struct metrics_process){ .program = "xswan-ike" };
	m.processes[1] = (struct metrics_process){
		.program = "xswan-dp", .running = true, .figures = { 1.5, 1700000000.25, 4096, -1 }
	};
	m.processes[2] = (struct metrics_process){ .program = "xswan-exporter" };
	m.processes[2].running = process_load(&m.processes[2].figures, getpid());
	assert_true(m.processes[2].running && m.processes[2].figures.open_fds > 2);
	assert_true(m.processes[2].figures.resident_bytes > 100000);
	assert_true(m.processes[2].figures.start_time > 1e9 && m.processes[2].figures.start_time <= time(NULL) + 1);
	m.workers[0] = (struct process_thread){ "worker 7", 0.25 };
	m.worker_count = 1;
	text = text_of(&m);
	assert_non_null(strstr(text, "\nxswan_process_cpu_seconds_total{program=\"xswan-dp\"} 1.50\n"));
	assert_non_null(strstr(text, "\nxswan_process_resident_memory_bytes{program=\"xswan-dp\"} 4096\n"));
	assert_non_null(strstr(text, "\nxswan_process_start_time_seconds{program=\"xswan-dp\"} 1700000000.25\n"));
	assert_null(strstr(text, "xswan_process_open_fds{program=\"xswan-dp\"}"));
	assert_null(strstr(text, "program=\"xswan-ike\""));
	assert_non_null(strstr(text, "\nxswan_worker_cpu_seconds_total{worker=\"7\"} 0.25\n"));
	free(text);
	assert_false(process_load(&m.processes[0].figures, 0x7fffffff));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *address;
		int want;
	} cases[] = {
		{ "127.0.0.1:0", 0 },        { "[::1]:0", 0 },
		{ "127.0.0.1", -EINVAL },    { "127.0.0.1:", -EINVAL },
		{ ":9812", -EINVAL },        { "::1:9812", -EINVAL },
		{ "[]:9812", -EINVAL },      { "127.0.0.1:65536", -EINVAL },
		{ "127.0.0.1:-1", -EINVAL }, { "127.0.0.1:0x0", -EINVAL },
	};
	struct event_base *base = event_base_new();
	struct exporter *x;
	char why[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int got = exporter_new(&x, base, "x", "/nonexistent", cases[i].address, why, sizeof(why));

		/* a machine without IPv6 refuses one of them, for another reason */
		if (got != cases[i].want && (cases[i].want || strncmp(why, "cannot listen on ", 17)))
			fail_msg("%s: %d (%s), not %d", cases[i].address, got, why, cases[i].want);
		if (!got)
			exporter_free(x);
	}
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_certificates, set_up, tear_down),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_dataplane),
		cmocka_unit_test_setup_teardown(test_format, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_http, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_openmetrics, set_up, tear_down),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
