/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "../lib/counters.h"
#include "../lib/instance.h"
#include "../lib/log.h"
#include "metrics.h"
#include "text.h"

/* A scrape must end before Prometheus gives it up (10 s by default), so silence is short. */
#define VICI_PATIENCE 3000 /* milliseconds */
#define REQUEST_MAX 8192 /* bytes of headers, and of a body nobody asked for */
#define IDLE_SECONDS 30

struct exporter {
	const char *instance, *vici_path;
	struct evhttp *http;
	uint16_t port;
	bool silent; /* xswan-ike did not answer last time, and the log says so */
};

static void reply_text(struct evhttp_request *req, int code, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void reply_text(struct evhttp_request *req, int code, const char *reason, const char *fmt, ...)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();
	va_list args;

	if (body) {
		va_start(args, fmt);
		evbuffer_add_vprintf(body, fmt, args);
		va_end(args);
	}
	evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
	evhttp_send_reply(req, code, reason, body);
	if (body)
		evbuffer_free(body);
}

/* ---- /metrics ---- */

static void gather_process(struct metrics_process *p, const char *program, pid_t pid)
{
	p->program = program;
	p->running = pid && process_load(&p->figures, pid);
}

static void gather_processes(const struct exporter *x, struct metrics *m)
{
	char path[INSTANCE_PATH];

	gather_process(&m->processes[0], "xswan-ike",
		       process_locked(instance_run_path(x->instance, "xswan-ike.pid", path)));
	gather_process(&m->processes[1], "xswan-dp", m->dp.pid);
	gather_process(&m->processes[2], "xswan-exporter", getpid());
	if (m->dp.pid)
		m->worker_count = process_load_threads(m->workers, PROCESS_THREADS, m->dp.pid, METRICS_WORKER);
}

static void gather(struct exporter *x, struct metrics *m)
{
	char pid[INSTANCE_PATH], ports[INSTANCE_PATH];
	struct vici_client client;
	int err;

	m->now = time(NULL);
	err = vici_client_open(&client, x->instance, x->vici_path, VICI_PATIENCE);
	if (!err)
		err = gateway_load(&m->gw, &client);
	if (!err) {
		err = gateway_load_outcomes(&m->gw, &client);
		if (err == -EOPNOTSUPP) /* an older xswan-ike */
			err = 0;
	}
	if (!err)
		err = metrics_gather_certificates(m, &client);
	if (err && !x->silent)
		log_warn("%s", client.error);
	x->silent = err;
	m->up = !err;
	dp_state_load(&m->dp, x->instance, instance_run_path(x->instance, "xswan-dp.pid", pid),
		      instance_run_path(x->instance, "ports.json", ports));
	m->have_dp = true;
	m->have_drops = !counters_read_drops(x->instance, m->drops);
	m->have_counters = !counters_read_ike(x->instance, m->counters);
	vici_client_close(&client);
	gather_processes(x, m);
}

static int render(struct exporter *x, char **text, size_t *len)
{
	struct metrics *m = calloc(1, sizeof(*m));
	FILE *out = open_memstream(text, len);
	int err = -ENOMEM;

	if (!m || !out)
		goto out;
	gather(x, m);
	err = metrics_write(m, out);
	gateway_free(&m->gw);
	free(m->certs);
	dp_state_free(&m->dp);
out:
	if (out && fclose(out))
		err = -ENOMEM;
	free(m);
	return err;
}

static bool wants_openmetrics(struct evhttp_request *req)
{
	const char *accept = evhttp_find_header(evhttp_request_get_input_headers(req), "Accept");

	return accept && strstr(accept, "application/openmetrics-text");
}

static int as_openmetrics(char **text, size_t *len)
{
	char *plain = *text;
	FILE *out = open_memstream(text, len);

	if (!out) {
		*text = plain;
		return -ENOMEM;
	}
	text_as_openmetrics(out, plain);
	free(plain);
	return fclose(out) ? -ENOMEM : 0;
}

static void on_metrics(struct evhttp_request *req, void *arg)
{
	const bool openmetrics = wants_openmetrics(req);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();
	char *text = NULL;
	size_t len = 0;

	if (!body || render(arg, &text, &len) || (openmetrics && as_openmetrics(&text, &len)) ||
	    evbuffer_add(body, text, len)) {
		reply_text(req, HTTP_INTERNAL, "Out of memory", "out of memory\n");
	} else {
		evhttp_add_header(headers, "Content-Type",
				  openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					      : "text/plain; version=0.0.4; charset=utf-8");
		evhttp_send_reply(req, HTTP_OK, "OK", body);
	}
	if (body)
		evbuffer_free(body);
	free(text);
}

/* ---- health ---- */

static void on_health(struct evhttp_request *req, void *arg)
{
	reply_text(req, HTTP_OK, "OK", "ok\n");
}

static void on_ready(struct evhttp_request *req, void *arg)
{
	const struct exporter *x = arg;
	struct vici_message reply;
	struct vici_client client;
	int err;

	err = vici_client_open(&client, x->instance, x->vici_path, VICI_PATIENCE);
	if (!err)
		err = vici_client_request(&client, "version", NULL, NULL, NULL, NULL, &reply);
	if (err)
		reply_text(req, HTTP_SERVUNAVAIL, "Not ready", "%s\n", client.error);
	else
		reply_text(req, HTTP_OK, "OK", "ready\n");
	vici_client_close(&client);
}

static void on_other(struct evhttp_request *req, void *arg)
{
	reply_text(req, HTTP_NOTFOUND, "Not Found", "there are /metrics, /healthz and /readyz\n");
}

/* ---- listening ---- */

/* "ADDR:PORT" or "[ADDR]:PORT"; the address without brackets goes to host */
static int split_address(const char *address, char *host, size_t size, uint16_t *port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	unsigned long number;
	char *end;

	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return -EINVAL; /* IPv6 without brackets: which colon is the port's? */
	}
	if (!len || len >= size || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	number = strtoul(colon + 1, &end, 10);
	if (*end || number > UINT16_MAX)
		return -EINVAL;
	memcpy(host, address, len);
	host[len] = '\0';
	*port = number;
	return 0;
}

static uint16_t bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_in6 sa; /* the port is where sockaddr_in has it */
	socklen_t len = sizeof(sa);

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&sa, &len))
		return 0;
	return ntohs(sa.sin6_port);
}

static int bind_to(struct exporter *x, const char *address, char *why, size_t why_size)
{
	struct evhttp_bound_socket *bound;
	char host[64];
	uint16_t port;

	if (split_address(address, host, sizeof(host), &port)) {
		snprintf(why, why_size, "not an address to listen on: '%s' (127.0.0.1:9812, [::1]:9812)", address);
		return -EINVAL;
	}
	bound = evhttp_bind_socket_with_handle(x->http, host, port);
	if (!bound) {
		snprintf(why, why_size, "cannot listen on %s: %s", address, strerror(errno));
		return errno ? -errno : -EINVAL;
	}
	x->port = bound_port(bound);
	return 0;
}

int exporter_new(struct exporter **exporter, struct event_base *base, const char *instance, const char *vici_path,
		 const char *address, char *why, size_t why_size)
{
	struct exporter *x = calloc(1, sizeof(*x));
	int err = -ENOMEM;

	snprintf(why, why_size, "out of memory");
	if (!x)
		return err;
	x->instance = instance;
	x->vici_path = vici_path;
	x->http = evhttp_new(base);
	if (!x->http)
		goto out;
	evhttp_set_allowed_methods(x->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(x->http, REQUEST_MAX);
	evhttp_set_max_body_size(x->http, REQUEST_MAX);
	evhttp_set_timeout(x->http, IDLE_SECONDS);
	evhttp_set_gencb(x->http, on_other, x);
	if (evhttp_set_cb(x->http, "/metrics", on_metrics, x) || evhttp_set_cb(x->http, "/healthz", on_health, x) ||
	    evhttp_set_cb(x->http, "/readyz", on_ready, x))
		goto out;
	err = bind_to(x, address, why, why_size);
out:
	if (err)
		exporter_free(x);
	else
		*exporter = x;
	return err;
}

uint16_t exporter_port(const struct exporter *exporter)
{
	return exporter->port;
}

void exporter_free(struct exporter *exporter)
{
	if (exporter->http)
		evhttp_free(exporter->http);
	free(exporter);
}
