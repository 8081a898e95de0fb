/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The table of transports to a stub inside a guest. To add one: a function in chan_stub.h, a row.
 */
#include "host/chan_stub.h"

#include <string.h>

static const struct transport {
	const char *prefix;
	int (*connect)(const char *rest, struct chan **ret, struct err *err);
} transports[] = {
	{ "ring:", chan_connect_ring },
	{ "serial:", chan_connect_serial },
	{ "unix:", chan_connect_serial_socket },
};

static const struct transport *find(const char *spec)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(transports); i++)
		if (strncmp(spec, transports[i].prefix, strlen(transports[i].prefix)) == 0)
			return &transports[i];
	return NULL;
}

bool chan_stub_known(const char *spec)
{
	return find(spec);
}

int chan_connect_stub(const char *spec, struct chan **ret, struct err *err)
{
	const struct transport *t = find(spec);
	int status;

	if (!t)
		status = err_set(err, ST_INVAL, "not ring:PATH, serial:PATH or unix:PATH");
	else
		status = t->connect(spec + strlen(t->prefix), ret, err);
	return status ? err_add(err, status, "--stub %s", spec) : 0;
}
