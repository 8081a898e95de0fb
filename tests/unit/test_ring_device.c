/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Plugging the ring's memory into machines that differ in where they take a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/qemu/ring_device.h"
#include "tests/fake/qmp_server.h"

enum { BYTES = 1 << 20 };

#define DONE "{\"return\": {}, \"id\": %ID}"
#define ERROR(text)                                                                                \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}, \"id\": %ID}"
#define NO_CHILDREN "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}], \"id\": %ID}"

/* Two ports, the first with a device, and something without a name. */
#define PCI                                                                                        \
	"{\"return\": [{\"bus\": 0, \"devices\": [{\"qdev_id\": \"\", \"slot\": 0},"               \
	"{\"qdev_id\": \"\", \"pci_bridge\": {\"bus\": {}}},"                                      \
	"{\"qdev_id\": \"port0\", \"pci_bridge\": {\"bus\": {}, \"devices\": [{\"slot\": 0}]}},"   \
	"{\"qdev_id\": \"port1\", \"pci_bridge\": {\"bus\": {}}},"                                 \
	"{\"qdev_id\": \"port2\", \"pci_bridge\": {\"bus\": {}}}]}], \"id\": %ID}"

static char path[64];
static struct qmp_server server;
static struct qmp *qmp;
static struct err err;

static void start(const struct qmp_answer *answers)
{
	snprintf(path, sizeof(path), "/tmp/cvmdbg-test-ring-device-%d", (int)getpid());
	unlink(path);
	qmp_server_start(&server, qmp_server_greeting, answers);
	assert_int_equal(qmp_connect(server.path, &qmp, &err), 0);
}

static void stop(void)
{
	qmp_destroy(qmp);
	qmp_server_stop(&server);
	unlink(path);
}

static void explains(const char *text)
{
	if (!strstr(err.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static void test_pc(void **state)
{
	static const struct qmp_answer answers[] = {
		{ "qom-list", NO_CHILDREN },
		{ "\"share\":true", DONE },
		{ "\"pci.0\"", DONE },
		{ NULL, NULL },
	};
	struct stat st;

	(void)state;
	start(answers);
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), 1);
	assert_return_code(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, BYTES);
	/* A file of the right size that is there is used. */
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), 1);
	assert_int_equal(ring_device_plug(qmp, path, 2 * BYTES, &err), ST_INVAL);
	explains("no file of 2097152 bytes");
	stop();
}

static void test_q35(void **state)
{
	static const struct qmp_answer answers[] = {
		{ "qom-list", NO_CHILDREN },
		{ "object-add", DONE },
		{ "\"pci.0\"", ERROR("Bus 'pci.0' not found") },
		{ "query-pci", PCI },
		{ "\"port0\"", NULL }, /* must not be tried */
		{ "\"port1\"", ERROR("slot 0 in use") },
		{ "\"port2\"", DONE },
		{ NULL, NULL },
	};

	(void)state;
	start(answers);
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), 1);
	stop();
}

static void test_no_place(void **state)
{
	static const struct qmp_answer answers[] = {
		{ "qom-list", NO_CHILDREN }, { "object-add", DONE }, { "device_add", ERROR("no") },
		{ "query-pci", PCI },	     { "object-del", DONE }, { NULL, NULL },
	};

	(void)state;
	start(answers);
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), ST_UNSUPPORTED);
	explains("-device pcie-root-port");
	/* Nothing is left behind. */
	assert_int_equal(access(path, F_OK), -1);
	stop();
}

static void test_already(void **state)
{
	static char same[200], other[] = "{\"return\": \"/tmp/other\", \"id\": %ID}";
	struct qmp_answer answers[] = {
		{ "/machine/peripheral",
		  "{\"return\": [{\"name\": \"cvmdbg-ring\", \"type\": \"child<ivshmem-plain>\"}],"
		  " \"id\": %ID}" },
		{ "\"/objects\"", "{\"return\": [{\"name\": \"cvmdbg-ring-memory-0a1b2c3d\","
				  " \"type\": \"child<memory-backend-file>\"}], \"id\": %ID}" },
		{ "mem-path", same },
		{ NULL, NULL },
	};

	(void)state;
	snprintf(same, sizeof(same),
		 "{\"return\": \"/tmp/cvmdbg-test-ring-device-%d\", \"id\": %%ID}", (int)getpid());
	start(answers);
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), 0);
	stop();
	answers[2].reply = other;
	start(answers);
	assert_int_equal(ring_device_plug(qmp, path, BYTES, &err), ST_BUSY);
	explains("/tmp/other");
	assert_int_equal(access(path, F_OK), -1);
	stop();
}

static void test_unplug_nothing(void **state)
{
	static const struct qmp_answer answers[] = { { "qom-list", NO_CHILDREN }, { NULL, NULL } };

	(void)state;
	start(answers);
	assert_int_equal(ring_device_unplug(qmp, &err), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pc),
		cmocka_unit_test(test_q35),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_already),
		cmocka_unit_test(test_unplug_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
