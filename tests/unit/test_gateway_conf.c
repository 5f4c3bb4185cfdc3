/* SPDX-License-Identifier: Apache-2.0 */
/* xswan.conf: defaults, every key, and the exact words about every mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/gateway_conf.h"
#include "files.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WAN "interfaces {\n wan {\n  device = eth0\n  role = outside\n }\n}\n"

static int load(struct gateway_conf *conf, const char *text, char why[512])
{
	int err;

	files_put("xswan.conf", text);
	strcpy(why, "(no reason given)");
	err = gateway_conf_load(conf, files_dir, why, 512);
	files_relative(why);
	return err;
}

static void defaults(void **state)
{
	struct gateway_conf c;
	char why[512];

	memset(&c, 0xff, sizeof(c));
	assert_int_equal(load(&c, WAN, why), 0);
	assert_int_equal(c.port_count, 1);
	assert_string_equal(c.ports[0].device, "eth0");
	assert_int_equal(c.ports[0].role, XSWAN_ROLE_OUTSIDE);
	assert_int_equal(c.attach, ATTACH_AUTO);
	assert_string_equal(c.crypto, "auto");
	assert_int_equal(c.workers, 0);
	assert_int_equal(c.cpus.count, 0);
	assert_false(c.ports[0].keep_offloads);
	assert_int_equal(c.frames, 16384);
	assert_string_equal(c.tunnel, "xsw0");
	assert_false(c.fragment_after);
	assert_int_equal(c.tcp_mss, GATEWAY_MSS_AUTO);
	assert_int_equal(c.path_mtu_floor, 576);
	assert_string_equal(c.user, "xswan");
	assert_false(c.user_named);
	assert_int_equal(c.half_open_limit, 4096);
	assert_int_equal(c.cookie_threshold, 256);
	assert_int_equal(c.init_rate, 5000);
	assert_int_equal(c.init_rate_prefix, 200);
	assert_int_equal(c.init_rate_peer, 50);
	assert_int_equal(c.fragment_size, 1280);
	assert_int_equal(c.retransmit_tries, 5);
	assert_int_equal(c.retransmit_timeout, 1000000);
	assert_int_equal(c.keep_alive, 20000000);
	assert_int_equal(c.log.level, LOG_LEVEL_INFO);
}

static void everything(void **state)
{
	struct gateway_conf c;
	char why[512];

	if (load(&c,
		 "interfaces {\n wan {\n  device = eth0\n  role = outside\n }\n"
		 " lan {\n  device = a-name-of-15-ch\n  role = inside\n  backend = vnet\n  offloads = keep\n }\n wan2 {\n  device = eth0.7\n  role = "
		 "outside\n }\n eth9 {\n  role = inside\n }\n}\n"
		 "dataplane {\n attach = external\n crypto = openssl\n workers = 64\n cpus = 2-5,1\n frames = 1048576\n tunnel = "
		 "tunnel123456\n fragment = after\n capture_keys = yes\n tcp_mss = 1200\n}\n"
		 "ike {\n user = a_name_of_32_characters_all_told\n half_open_limit = 65535\n cookie_threshold = 1\n init_rate = 1000000\n init_rate_prefix = 0\n init_rate_peer = 7\n path_mtu_floor = 1000\n fragment_size = 576\n retransmit_tries = 7\n retransmit_timeout = 250ms\n keep_alive = 1m\n}\n"
		 "log {\n level = debug\n}\n",
		 why) < 0)
		fail_msg("%s", why);
	assert_int_equal(c.port_count, 4);
	assert_string_equal(c.ports[3].device, "eth9"); /* named by its section */
	assert_string_equal(c.ports[1].device, "a-name-of-15-ch");
	assert_true(c.ports[1].vnet);
	assert_false(c.ports[2].vnet);
	assert_int_equal(c.ports[1].role, XSWAN_ROLE_INSIDE);
	assert_string_equal(c.ports[2].device, "eth0.7");
	assert_int_equal(c.attach, ATTACH_EXTERNAL);
	assert_string_equal(c.crypto, "openssl");
	assert_int_equal(c.workers, 64);
	assert_int_equal(c.cpus.count, 5);
	assert_int_equal(c.cpus.cpu[0], 2);
	assert_int_equal(c.cpus.cpu[3], 5);
	assert_int_equal(c.cpus.cpu[4], 1);
	assert_false(c.ports[0].keep_offloads);
	assert_true(c.ports[1].keep_offloads);
	assert_int_equal(c.frames, 1048576);
	assert_string_equal(c.tunnel, "tunnel123456");
	assert_true(c.fragment_after);
	assert_true(c.capture_keys);
	assert_int_equal(c.tcp_mss, 1200);
	assert_int_equal(c.path_mtu_floor, 1000);
	assert_string_equal(c.user, "a_name_of_32_characters_all_told");
	assert_true(c.user_named);
	assert_int_equal(c.half_open_limit, 65535);
	assert_int_equal(c.cookie_threshold, 1);
	assert_int_equal(c.init_rate, 1000000);
	assert_int_equal(c.init_rate_prefix, 0);
	assert_int_equal(c.init_rate_peer, 7);
	assert_int_equal(c.fragment_size, 576);
	assert_int_equal(c.retransmit_tries, 7);
	assert_int_equal(c.retransmit_timeout, 250000);
	assert_int_equal(c.keep_alive, 60000000);
	assert_int_equal(c.log.level, LOG_LEVEL_DEBUG);
}

static const struct {
	const char *text, *message;
} mistaken[] = {
	{ "", "xswan.conf: no section interfaces with an interface of role = outside" },
	{ "interfaces { }\n", "xswan.conf:1: interfaces: no interface with role = outside" },
	{ "interfaces {\n lan {\n  device = eth1\n  role = inside\n }\n}\n",
	  "xswan.conf:1: interfaces: no interface with role = outside" },
	{ "interfaces {\n the-outside-of-it {\n  role = outside\n }\n}\n",
	  "xswan.conf:2: interfaces.the-outside-of-it: no device, and 'the-outside-of-it' is longer than 15 characters" },
	{ WAN "interfaces {\n eth0 {\n  role = inside\n }\n}\n",
	  "xswan.conf:8: interfaces.eth0: no device, and 'eth0' has a role already" },
	{ "interfaces {\n wan {\n  device = eth0\n }\n}\n",
	  "xswan.conf:2: interfaces.wan: no role: outside (IKE and ESP) or inside (plaintext)" },
	{ "interfaces {\n wan {\n  device = eth0\n  role = outsider\n }\n}\n",
	  "xswan.conf:4: interfaces.wan.role: 'outsider' is not one of: outside, inside" },
	{ "interfaces {\n wan { device = eth0   role = outside }\n}\n",
	  "xswan.conf:2: interfaces.wan.device: 'eth0 role = outside' is not a device name (each key needs a "
	  "line of "
	  "its own) (and 1 more problem)" },
	{ WAN "interfaces {\n lan {\n  device = eth 1\n  role = inside\n }\n}\n",
	  "xswan.conf:9: interfaces.lan.device: 'eth 1' is not a device name (each key needs a line of its "
	  "own)" },
	{ WAN "interfaces {\n lan {\n  device = a/b\n  role = inside\n }\n}\n",
	  "xswan.conf:9: interfaces.lan.device: 'a/b' is not a device name" },
	{ WAN "interfaces {\n lan {\n  device = \"\"\n  role = inside\n }\n}\n",
	  "xswan.conf:9: interfaces.lan.device: '' is not a device name" },
	{ WAN "interfaces {\n lan {\n  device = a-name-of-16-chr\n  role = inside\n }\n}\n",
	  "xswan.conf:9: interfaces.lan.device: 'a-name-of-16-chr' is longer than 15 characters" },
	{ WAN "interfaces {\n lan {\n  device = eth0\n  role = inside\n }\n}\n",
	  "xswan.conf:9: interfaces.lan.device: 'eth0' has a role already" },
	{ WAN "interfaces {\n lan {\n  device = eth1\n  role = inside\n  backend = tap\n }\n}\n",
	  "xswan.conf:11: interfaces.lan.backend: 'tap' is not one of: af_xdp, vnet" },
	{ WAN "interfaces {\n mtu = 1500\n}\n", "xswan.conf:8: interfaces.mtu: not supported" },
	{ WAN "interfaces {\n wan {\n  mtu = 1500\n }\n}\n",
	  "xswan.conf:9: interfaces.wan.mtu: not supported" },
	{ WAN "dataplane {\n attach = skb\n}\n",
	  "xswan.conf:8: dataplane.attach: 'skb' is not one of: auto, native, generic, external" },
	{ WAN "dataplane {\n crypto = gnutls\n}\n",
	  "xswan.conf:8: dataplane.crypto: 'gnutls' is not one of: auto, ipsec-mb, openssl" },
	{ WAN "dataplane {\n workers = 0\n}\n", "xswan.conf:8: dataplane.workers: 0 is out of range: 1 to 64" },
	{ WAN "dataplane {\n workers = 65\n}\n",
	  "xswan.conf:8: dataplane.workers: 65 is out of range: 1 to 64" },
	{ WAN "dataplane {\n workers = many\n}\n", "xswan.conf:8: dataplane.workers: 'many' is not a number" },
	{ WAN "ike {\n user = a_name_of_33_characters_all_told_\n}\n",
	  "xswan.conf:8: ike.user: 'a_name_of_33_characters_all_told_' is not a name of a user" },
	{ WAN "ike {\n user = no:body\n}\n", "xswan.conf:8: ike.user: 'no:body' is not a name of a user" },
	{ WAN "ike {\n init_rate = 1000001\n}\n",
	  "xswan.conf:8: ike.init_rate: 1000001 is out of range: 0 to 1000000" },
	{ WAN "dataplane {\n cpus = 2-\n}\n",
	  "xswan.conf:8: dataplane.cpus: '2-' is not a list of CPUs like 2-5,8" },
	{ WAN "dataplane {\n cpus = 5-2\n}\n",
	  "xswan.conf:8: dataplane.cpus: '5-2' is not a list of CPUs like 2-5,8" },
	{ WAN "dataplane {\n cpus = 1,1\n}\n",
	  "xswan.conf:8: dataplane.cpus: '1,1' is not a list of CPUs like 2-5,8" },
	{ WAN "dataplane {\n cpus = 0-1024\n}\n",
	  "xswan.conf:8: dataplane.cpus: '0-1024' is not a list of CPUs like 2-5,8" },
	{ WAN "dataplane {\n cpus = 1;2\n}\n",
	  "xswan.conf:8: dataplane.cpus: '1;2' is not a list of CPUs like 2-5,8" },
	{ WAN "interfaces {\n lan {\n  device = eth1\n  role = inside\n  offloads = off\n }\n}\n",
	  "xswan.conf:11: interfaces.lan.offloads: 'off' is not one of: auto, keep" },
	{ WAN "dataplane {\n tcp_mss = 40\n}\n",
	  "xswan.conf:8: dataplane.tcp_mss: 40 is out of range: 88 to 65495" },
	{ WAN "dataplane {\n fragment = never\n}\n",
	  "xswan.conf:8: dataplane.fragment: 'never' is not one of: before, after" },
	{ WAN "ike {\n fragment_size = 255\n}\n",
	  "xswan.conf:8: ike.fragment_size: 255 is out of range: 256 to 16384" },
	{ WAN "ike {\n path_mtu_floor = 67\n}\n",
	  "xswan.conf:8: ike.path_mtu_floor: 67 is out of range: 68 to 1500" },
	{ WAN "dataplane {\n frames = 512\n}\n",
	  "xswan.conf:8: dataplane.frames: 512 is out of range: 1024 to 1048576" },
	{ WAN "dataplane {\n frames = 2097152\n}\n",
	  "xswan.conf:8: dataplane.frames: 2097152 is out of range: 1024 to 1048576" },
	{ WAN "dataplane {\n frames = 5000\n}\n",
	  "xswan.conf:8: dataplane.frames: 5000 is not a power of two" },
	{ WAN "dataplane {\n tunnel = tunnel1234567\n}\n",
	  "xswan.conf:8: dataplane.tunnel: 'tunnel1234567' is longer than 12 characters" },
	{ WAN "dataplane {\n tunnel = eth0\n}\n", "xswan.conf:8: dataplane.tunnel: 'eth0' is one of the "
						  "interfaces: the tunnel needs a name of its own" },
	{ WAN "ike {\n retransmit_tries = 0\n}\n",
	  "xswan.conf:8: ike.retransmit_tries: 0 is out of range: 1 to 100" },
	{ WAN "ike {\n retransmit_timeout = 0\n}\n",
	  "xswan.conf:8: ike.retransmit_timeout: 0 is too short: at least 1ms" },
	{ WAN "ike {\n keep_alive = 20ms\n}\n",
	  "xswan.conf:8: ike.keep_alive: 20ms is too short: at least 1s, or 0 for never" },
	{ WAN "ike {\n retransmit_timeout = 2h\n}\n",
	  "xswan.conf:8: ike.retransmit_timeout: 2h is too long: at most 3600s" },
	{ WAN "log {\n level = chatty\n}\n",
	  "xswan.conf:8: log.level: 'chatty' is not one of: error, warning, info, debug" },
	{ WAN "bgp {\n}\n", "xswan.conf:7: bgp: section not supported" },
	{ WAN "attach = auto\n", "xswan.conf:7: attach: not supported" },
	{ WAN "log {\n level = x\n}\nike {\n port = x\n mtu = 1\n}\n",
	  "xswan.conf:8: log.level: 'x' is not one of: error, warning, info, debug (and 2 more problems)" },
	{ WAN "log {\n level = info\n", "xswan.conf:7: section 'log' has no closing '}'" },
};

static void mistakes(void **state)
{
	struct gateway_conf c, before;
	char why[512];

	for (size_t i = 0; i < COUNT(mistaken); i++) {
		memset(&c, 0x55, sizeof(c));
		before = c;
		if (load(&c, mistaken[i].text, why) == 0)
			fail_msg("accepted, instead of: %s", mistaken[i].message);
		assert_string_equal(why, mistaken[i].message);
		assert_memory_equal(&c, &before, sizeof(c)); /* left alone */
	}
}

static void too_many(void **state)
{
	static char text[XSWAN_PORTS * 64];
	struct gateway_conf c;
	size_t used;
	char why[512];

	for (unsigned int count = XSWAN_PORTS - 1; count <= XSWAN_PORTS; count++) {
		used = sprintf(text, "interfaces {\n");
		for (unsigned int i = 0; i < count; i++)
			used += sprintf(text + used, "i%u {\n device = d%u\n role = outside\n }\n", i, i);
		sprintf(text + used, "}\n");
		if (count < XSWAN_PORTS) {
			assert_int_equal(load(&c, text, why), 0);
			assert_int_equal(c.port_count, count);
		} else {
			assert_true(load(&c, text, why) < 0);
			assert_string_equal(why, "xswan.conf:254: interfaces.i63: more than 63 interfaces");
		}
	}
}

static void missing_file(void **state)
{
	struct gateway_conf c;
	char why[512];

	assert_true(gateway_conf_load(&c, files_dir, why, sizeof(why)) < 0);
	assert_string_equal(files_relative(why), "xswan.conf: No such file or directory");
}

static void example(void **state)
{
	struct gateway_conf c;
	char why[512];

	if (gateway_conf_load(&c, "docs/examples", why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_int_equal(c.port_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults, files_begin, files_end),
		cmocka_unit_test_setup_teardown(everything, files_begin, files_end),
		cmocka_unit_test_setup_teardown(mistakes, files_begin, files_end),
		cmocka_unit_test_setup_teardown(too_many, files_begin, files_end),
		cmocka_unit_test_setup_teardown(missing_file, files_begin, files_end),
		cmocka_unit_test(example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
