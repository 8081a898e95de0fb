/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* QMP as a SEV host's QEMU speaks it: most commands pass, the ones about SEV and running are ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine.h"
#include "proxies.h"

enum { LINE = 1 << 16 };

static int listener = -1, client = -1;
static char in[LINE];
static size_t in_len;
static bool negotiated;

int qmp_proxy_fd(void)
{
	return client >= 0 ? client : listener;
}

static void drop(void)
{
	close(client);
	client = -1;
	in_len = 0;
	negotiated = false;
}

static void say(json_t *what)
{
	char *text = json_dumps(what, JSON_COMPACT);
	size_t len = strlen(text);

	text[len] = '\n'; /* over the NUL: QMP separates by line ends */
	if (client >= 0 && send(client, text, len + 1, MSG_NOSIGNAL) < 0)
		drop();
	free(text);
	json_decref(what);
}

static void on_event(const json_t *event)
{
	if (client >= 0 && negotiated)
		say(json_deep_copy(event));
}

void qmp_proxy_listen(int fd)
{
	listener = fd;
	machine_event = on_event;
}

/* --- our own answers --- */

static json_t *query_sev(void)
{
	json_t *r = json_pack("{s:b, s:i, s:i, s:i, s:s}", "enabled", 1, "api-major", 1,
			      "api-minor", 51, "build-id", 3, "state", "running");

	if (!sim.qemu_91) {
		json_object_set_new(r, "policy", json_integer((json_int_t)sim.policy));
		json_object_set_new(r, "handle", json_integer(1));
	} else if (sim.type == SIM_SNP) {
		json_object_set_new(r, "sev-type", json_string("sev-snp"));
		json_object_set_new(r, "snp-policy", json_integer((json_int_t)sim.policy));
	} else {
		json_object_set_new(r, "sev-type", json_string("sev"));
		json_object_set_new(r, "policy", json_integer((json_int_t)sim.policy));
		json_object_set_new(r, "handle", json_integer(1));
	}
	return r;
}

static json_t *query_capabilities(void)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i}", "pdh", "", "cert-chain", "", "cpu0-id", "",
			 "cbitpos", (int)sim.cbit, "reduced-phys-bits", 1);
}

static json_t *query_chardev(void)
{
	json_t *reply = machine_execute("query-chardev", NULL), *entry, *ours = gdb_proxy_chardev();
	json_t *list = json_object_get(reply, "return"), *shown = json_array();
	size_t i;

	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "filename"));

		if (!name || !strstr(name, "/private/"))
			json_array_append(shown, entry);
	}
	if (ours)
		json_array_append_new(shown, ours);
	json_decref(reply);
	return shown;
}

/* HMP commands that change the run state or the gdbstub; NULL: pass it on. */
static json_t *human(const char *line)
{
	if (!strcmp(line, "stop"))
		return machine_stop() ? NULL : json_string("");
	if (!strcmp(line, "cont") || !strcmp(line, "c"))
		return machine_cont() ? NULL : json_string("");
	if (!strncmp(line, "gdbserver", 9)) {
		const char *device = line[9] == ' ' ? line + 10 : "tcp::1234";

		if (gdb_proxy_open(device))
			return json_string("Could not open gdbserver on device\r\n");
		return json_string(strcmp(device, "none") ? "Waiting for gdb connection\r\n"
							  : "Disabled gdbserver\r\n");
	}
	return NULL;
}

/* A new "return" value, or NULL when QEMU shall answer. */
static json_t *own_answer(const char *command, const json_t *args)
{
	const char *line = json_string_value(json_object_get(args, "command-line"));

	if (!strcmp(command, "query-sev"))
		return query_sev();
	if (!strcmp(command, "query-sev-capabilities"))
		return query_capabilities();
	if (!strcmp(command, "query-chardev"))
		return query_chardev();
	if (!strcmp(command, "stop"))
		return machine_stop() ? NULL : json_object();
	if (!strcmp(command, "cont"))
		return machine_cont() ? NULL : json_object();
	if (!strcmp(command, "qmp_capabilities")) {
		negotiated = true;
		return json_object();
	}
	if (!strcmp(command, "human-monitor-command") && line)
		return human(line);
	return NULL;
}

static void request(const json_t *r)
{
	const char *command = json_string_value(json_object_get(r, "execute"));
	json_t *args = json_object_get(r, "arguments"), *id = json_object_get(r, "id");
	json_t *reply = NULL, *own = command ? own_answer(command, args) : NULL;

	if (own)
		reply = json_pack("{s:o}", "return", own);
	else if (command)
		reply = machine_execute(command, json_deep_copy(args));
	if (!reply)
		reply = json_pack("{s:{s:s, s:s}}", "error", "class", "GenericError", "desc",
				  command ? "sevsim: QEMU is gone" : "QMP input lacks 'execute'");
	if (id)
		json_object_set(reply, "id", id);
	say(reply);
}

static void greet(void)
{
	client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		say(json_pack("{s:{s:{s:{s:i, s:i, s:i}, s:s}, s:[]}}", "QMP", "version", "qemu",
			      "micro", 22, "minor", sim.qemu_91 ? 1 : 2, "major",
			      sim.qemu_91 ? 9 : 7, "package", "", "capabilities"));
}

void qmp_proxy_ready(void)
{
	ssize_t n;
	char *end;

	if (client < 0) {
		greet();
		return;
	}
	n = recv(client, in + in_len, sizeof(in) - in_len, 0);
	if (n <= 0) {
		drop();
		return;
	}
	in_len += (size_t)n;
	while (client >= 0 && (end = memchr(in, '\n', in_len))) {
		size_t len = (size_t)(end - in) + 1;
		json_t *r = json_loadb(in, len, 0, NULL);

		memmove(in, in + len, in_len - len);
		in_len -= len;
		request(r);
		json_decref(r);
	}
	if (client >= 0 && in_len == sizeof(in))
		drop();
}
