/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg info`: what a VM is and whether it can be debugged. One JSON document is built and either
 * printed as it is or told in words, so both always say the same.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cmd.h"
#include "host/keeper.h"
#include "host/routes.h"
#include "host/sev/census.h"
#include "host/sev/kernel.h"
#include "host/sev/psp.h"

static const char usage[] = "usage: cvmdbg info --qmp PATH [--json] [--pages]\n";

static const char details[] =
	"\n"
	"Say what a VM is, whether it can be debugged, by which route, and if not, why.\n"
	"\n"
	"  --qmp PATH   QMP socket of the VM, for cvmdbg alone\n"
	"  --json       one JSON object instead of text\n"
	"  --pages      also count private and shared pages (stops the guest meanwhile)\n";

enum option_id { OPT_QMP = 1, OPT_JSON, OPT_PAGES };

static const struct option options[] = {
	{ "qmp", required_argument, NULL, OPT_QMP },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "pages", no_argument, NULL, OPT_PAGES },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct info_config {
	const char *qmp;
	bool json, pages;
};

/* --- counting pages: the only part that needs the PSP --- */

struct counting {
	struct vm *vm;
	struct journal *journal;
	struct keeper keeper;
	struct psp *psp;
	struct pages *pages;
};

/* Page tables of a plain SEV guest: KVM shows its control registers to QEMU. */
static int paging_from_qemu(struct vm *vm, struct paging *ret, struct err *err)
{
	uint64_t cr3, cr4;
	const char *at;
	char *text;
	int status = qmp_hmp(vm->qmp, "info registers", &text, err);

	if (status)
		return status;
	at = strstr(text, "CR3=");
	if (at && sscanf(at, "CR3=%" SCNx64 " CR4=%" SCNx64, &cr3, &cr4) == 2)
		*ret = paging_from_cr(cr3, cr4, vm->cbit);
	else
		status = err_set(err, ST_INVAL, "no CR3 in QEMU's \"info registers\"");
	free(text);
	return status;
}

static void no_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
}

static int find_paging(struct counting *c, struct paging *ret, struct err *err)
{
	struct kernel kernel;
	int status;

	if (c->vm->type == SEV_PLAIN)
		return paging_from_qemu(c->vm, ret, err);
	status = kernel_from_ram(c->vm, c->psp, no_progress, NULL, &kernel, err);
	if (!status)
		*ret = kernel.paging;
	return status;
}

/* With the guest stopped, which the keeper would let go if we were killed. */
static int count_stopped(struct counting *c, struct census *ret, struct err *err)
{
	bool running = qmp_run_state(c->vm->qmp) == QMP_RUNNING;
	struct paging paging;
	struct err resumed;
	int status = 0, again = 0;

	c->journal->resume = running;
	if (running)
		status = qmp_stop(c->vm->qmp, err);
	if (!status)
		status = find_paging(c, &paging, err);
	if (!status)
		status = census_take(c->pages, c->vm, &paging, ret, err);
	if (running)
		again = qmp_cont(c->vm->qmp, &resumed);
	c->journal->resume = false; /* the keeper could do no better */
	if (status || !again)
		return status;
	*err = resumed;
	return again;
}

static int count_pages(struct vm *vm, struct census *ret, struct err *err)
{
	struct counting c = { .vm = vm, .keeper.fd = -1 };
	int status = vm_attach(vm, err);

	if (!status)
		status = keeper_journal_create(&c.journal, err);
	if (!status)
		status = keeper_start(vm, c.journal, &c.keeper, err);
	if (!status)
		status = psp_open(vm, PSP_AUTO, c.journal, &c.psp, err);
	if (!status)
		status = pages_create(c.psp, &c.pages, err);
	if (!status)
		status = count_stopped(&c, ret, err);
	pages_destroy(c.pages);
	psp_close(c.psp);
	keeper_stop(&c.keeper);
	keeper_journal_destroy(c.journal);
	return status;
}

/* --- the document --- */

static json_t *describe_policy(const struct vm *vm)
{
	const struct sev_policy_bit *bits;
	json_t *list = json_array();
	size_t i, count;

	bits = sev_policy_bits(vm->type, &count);
	for (i = 0; i < count; i++) {
		bool set = vm->policy >> bits[i].bit & 1;

		json_array_append_new(list,
				      json_pack("{s:i, s:s, s:b, s:s}", "bit", (int)bits[i].bit,
						"name", bits[i].name, "set", set, "meaning",
						set ? bits[i].set : bits[i].clear));
	}
	return json_pack("{s:I, s:I, s:o}", "value", (json_int_t)vm->policy, "with_debug",
			 (json_int_t)sev_policy_with_debug(vm->type, vm->policy), "bits", list);
}

static json_t *describe_route(const struct route_forecast *route)
{
	return json_pack("{s:b, s:s*}", "available", route->open, "reason",
			 route->open ? NULL : route->why.text);
}

static json_t *describe_ram(const struct vm *vm)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < vm->nranges; i++) {
		const struct vm_range *r = &vm->range[i];

		json_array_append_new(list,
				      json_pack("{s:I, s:I, s:s, s:b}", "gpa", (json_int_t)r->gpa.v,
						"bytes", (json_int_t)r->bytes, "name", r->name,
						"shared", r->shared));
	}
	return list;
}

static json_t *describe_vcpus(const struct vm *vm)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < vm->vcpus; i++)
		json_array_append_new(list, json_pack("{s:i, s:i}", "index", (int)i, "thread",
						      (int)vm->vcpu_tid[i]));
	return list;
}

static const char *run_state_name(const struct vm *vm)
{
	switch (qmp_run_state(vm->qmp)) {
	case QMP_RUNNING:
		return "running";
	case QMP_STOPPED:
		return "stopped";
	default:
		return "ended";
	}
}

static json_t *describe(const struct vm *vm)
{
	struct err why;
	bool debuggable = !sev_policy_check(vm->type, vm->policy, &why);
	json_t *doc =
		json_pack("{s:{s:i, s:i, s:s}, s:s, s:s, s:b, s:s*, s:i, s:o, s:o, s:I}", "qemu",
			  "pid", (int)vm->pid, "user", (int)vm->uid, "version", vm->version,
			  "state", run_state_name(vm), "type", sev_type_name(vm->type),
			  "debuggable", debuggable, "reason", debuggable ? NULL : why.text, "cbit",
			  (int)vm->cbit, "vcpus", describe_vcpus(vm), "ram", describe_ram(vm),
			  "ram_bytes", (json_int_t)vm_ram_bytes(vm));
	struct routes routes;

	if (vm->type != SEV_NONE)
		json_object_set_new(doc, "policy", describe_policy(vm));
	if (debuggable) {
		routes_forecast(vm, &routes);
		json_object_set_new(doc, "routes",
				    json_pack("{s:o, s:o}", "mirror",
					      describe_route(&routes.mirror), "inject",
					      describe_route(&routes.inject)));
	}
	return doc;
}

/* --- words --- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool bool_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void tell_policy(const json_t *policy)
{
	const json_t *bit;
	size_t i;

	if (!policy)
		return;
	printf("policy      0x%" PRIx64 "\n", number_of(policy, "value"));
	json_array_foreach(json_object_get(policy, "bits"), i, bit) {
		printf("            bit %-2" PRIu64 " %-22s %d  %s\n", number_of(bit, "bit"),
		       text_of(bit, "name"), bool_of(bit, "set"), text_of(bit, "meaning"));
	}
}

static void tell_route(const json_t *routes, const char *name)
{
	const json_t *route = json_object_get(routes, name);

	if (route)
		printf("%-11s %s%s\n", name,
		       bool_of(route, "available") ? "available" : "not available: ",
		       text_of(route, "reason"));
}

static void tell(const json_t *doc)
{
	const json_t *qemu = json_object_get(doc, "qemu"), *range, *pages;
	size_t i;

	printf("QEMU        %s, PID %" PRIu64 ", user %" PRIu64 ", guest %s\n",
	       text_of(qemu, "version"), number_of(qemu, "pid"), number_of(qemu, "user"),
	       text_of(doc, "state"));
	printf("type        %s\n", text_of(doc, "type"));
	tell_policy(json_object_get(doc, "policy"));
	printf("debuggable  %s%s\n",
	       bool_of(doc, "debuggable") ? "yes" : "no: ", text_of(doc, "reason"));
	tell_route(json_object_get(doc, "routes"), "mirror");
	tell_route(json_object_get(doc, "routes"), "inject");
	if (number_of(doc, "cbit"))
		printf("C-bit       %" PRIu64 "\n", number_of(doc, "cbit"));
	printf("vCPUs       %zu\n", json_array_size(json_object_get(doc, "vcpus")));
	printf("RAM         %" PRIu64 " MiB\n", number_of(doc, "ram_bytes") >> 20);
	json_array_foreach(json_object_get(doc, "ram"), i, range) {
		printf("            0x%012" PRIx64 " + 0x%012" PRIx64 "  %s (%s)\n",
		       number_of(range, "gpa"), number_of(range, "bytes"), text_of(range, "name"),
		       bool_of(range, "shared") ? "shared memory" : "QEMU's alone");
	}
	pages = json_object_get(doc, "pages");
	if (pages)
		printf("pages       %" PRIu64 " private, %" PRIu64 " shared, %" PRIu64
		       " not mapped by the kernel (of 4 KiB)\n",
		       number_of(pages, "private"), number_of(pages, "shared"),
		       number_of(pages, "unmapped"));
}

/* --- the command --- */

static int fail(const struct err *err)
{
	fprintf(stderr, "cvmdbg: %s\n", err->text);
	return CMD_FAILED;
}

static int info_run(const struct info_config *config)
{
	struct err err = { .text = "" };
	struct census census;
	int result = CMD_OK;
	struct vm *vm;
	json_t *doc;

	if (vm_open(config->qmp, &vm, &err))
		return fail(&err);
	doc = describe(vm);
	if (!bool_of(doc, "debuggable"))
		result = CMD_NOT_DEBUGGABLE;
	else if (config->pages && count_pages(vm, &census, &err))
		result = fail(&err);
	else if (config->pages)
		json_object_set_new(doc, "pages",
				    json_pack("{s:I, s:I, s:I}", "private",
					      (json_int_t)census.private, "shared",
					      (json_int_t)census.shared, "unmapped",
					      (json_int_t)census.unmapped));
	vm_close(vm);
	if (config->json) {
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		tell(doc);
	}
	json_decref(doc);
	return result;
}

int cmd_info(int argc, char **argv)
{
	struct info_config config = { .qmp = NULL };
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPT_QMP:
			config.qmp = optarg;
			break;
		case OPT_JSON:
			config.json = true;
			break;
		case OPT_PAGES:
			config.pages = true;
			break;
		case 'h':
			printf("%s%s", usage, details);
			return CMD_OK;
		default:
			fputs(usage, stderr);
			return CMD_USAGE;
		}
	}
	if (!config.qmp || optind != argc) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	return info_run(&config);
}
