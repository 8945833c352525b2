/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getopt_long(3) over one table. Operands are taken in order ("-" in the short
 * options), so that IMAGE is told from the guest's words after "--".
 */
#define _GNU_SOURCE
#include "vmm/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pager/window.h"
#include "vmm/size.h"
#include "vmm/gdb/listener.h"
#include "vmm/version.h"

#define CPUS_MAX       254		   /* xAPIC ids; 255 is the broadcast */
#define BALLOON_MAX    (UINT64_C(8) << 40) /* it counts pages in 32 bits */
#define MEMORY_DEFAULT (UINT64_C(128) << 20)

enum {
	OPT_BOOT = 256,
	OPT_MACHINE,
	OPT_MODULE,
	OPT_CHILD,
	OPT_CHILD_PTS,
	OPT_PAGER,
	OPT_WINDOW,
	OPT_MBI_ADDR,
	OPT_LAZY_RAM,
	OPT_PAGER_CONTROL,
	OPT_HYPERCALLS,
	OPT_BALLOON,
	OPT_CONSOLE,
	OPT_RNG,
	OPT_STATS,
	OPT_TRACE,
	OPT_BOOT_TIMER,
	OPT_DUMP,
	OPT_DIGEST,
	OPT_GDB,
	OPT_TIMEOUT,
	OPT_NO_SANDBOX,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"mem", required_argument, NULL, 'm'},
	{"cpus", required_argument, NULL, 'c'},
	{"append", required_argument, NULL, 'a'},
	{"params", required_argument, NULL, 'p'},
	{"initrd", required_argument, NULL, 'i'},
	{"module", required_argument, NULL, OPT_MODULE},
	{"child", required_argument, NULL, OPT_CHILD},
	{"child-pts", no_argument, NULL, OPT_CHILD_PTS},
	{"disk", required_argument, NULL, 'd'},
	{"boot", required_argument, NULL, OPT_BOOT},
	{"machine", required_argument, NULL, OPT_MACHINE},
	{"pager", required_argument, NULL, OPT_PAGER},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"mbi-addr", required_argument, NULL, OPT_MBI_ADDR},
	{"lazy-ram", no_argument, NULL, OPT_LAZY_RAM},
	{"pager-control", no_argument, NULL, OPT_PAGER_CONTROL},
	{"hypercalls", required_argument, NULL, OPT_HYPERCALLS},
	{"balloon", optional_argument, NULL, OPT_BALLOON},
	{"console", required_argument, NULL, OPT_CONSOLE},
	{"net", required_argument, NULL, 'n'},
	{"rng", no_argument, NULL, OPT_RNG},
	{"stats", optional_argument, NULL, OPT_STATS},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"boot-timer", no_argument, NULL, OPT_BOOT_TIMER},
	{"dump", required_argument, NULL, OPT_DUMP},
	{"digest", no_argument, NULL, OPT_DIGEST},
	{"gdb", optional_argument, NULL, OPT_GDB},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] =
	"usage: vmm [OPTIONS] IMAGE [-- ARGS]\n"
	"Runs the ELF kernel IMAGE under KVM; its pages are read on first "
	"touch.\n"
	"\n"
	"  -m, --mem SIZE       guest RAM: K, M, G, T; bare: MiB (128M)\n"
	"  -c, --cpus N         virtual CPUs (1)\n"
	"  -a, --append STR     kernel command line; also -p, --params, and "
	"ARGS\n"
	"  -i, --initrd FILE, --module FILE[,ARGS]  modules; an initrd's "
	"string: FILE\n"
	"      --child FILE[,...], --child-pts  programs, their page tables\n"
	"  -d, --disk FILE[,ro]  a virtio disk; several: vda, vdb ...\n"
	"  -n, --net tap=IF|passt=SOCKET[,mac=MAC]  a virtio network device\n"
	"      --boot PROTOCOL  multiboot2, multiboot, pvh, linux, elf, long "
	"(auto)\n"
	"      --machine NAME   pc, minimal (pc)\n"
	"      --pager MODE     uffd, map, eager (uffd)\n"
	"      --window SIZE    most to bring per fault, 4K to 256K (256K)\n"
	"      --mbi-addr ADDR  place of the boot information\n"
	"      --lazy-ram, --pager-control  page all RAM; the guest may unmap "
	"pages\n"
	"      --hypercalls ABI  kvm, xen (kvm)\n"
	"      --console=virtio, --rng, --balloon[=SIZE]  more virtio devices\n"
	"      --stats[=json], --boot-timer, --digest  what happened, a hash "
	"of memory\n"
	"      --trace FILE, --dump FILE  a line per fault; at the end, a "
	"core\n"
	"      --gdb[=PORT|unix:PATH]  wait for gdb (127.0.0.1:1234)\n"
	"      --timeout SEC, --no-sandbox  stop with status 124; keep every "
	"privilege\n"
	"  -q, --quiet, -v, --verbose, --version, -h, --help\n"
	"\n"
	"On a terminal Ctrl-A x quits. Exit status: the guest's (0-119), or "
	"see vmm(1).\n";

__attribute__((format(printf, 1, 2))) static enum options_result
usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vmm: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry 'vmm --help'.\n", stderr);
	va_end(args);
	return OPTIONS_USAGE;
}

static enum options_result take_memory(struct options *o, const char *arg)
{
	/* A guest-physical address has at most 52 bits (SDM 3A 4.1.4). */
	const uint64_t max = UINT64_C(1) << 51;
	int rc = size_parse(arg, &o->memory);

	if (rc == -ERANGE || (!rc && o->memory > max))
		return usage("--mem %s: too large; at most 2048T", arg);
	if (rc)
		return usage("--mem %s: not a size; write a number of MiB, or "
			     "one with K, M, G or T, a multiple of 4K",
			     arg);
	return OPTIONS_RUN;
}

static enum options_result take_cpus(struct options *o, const char *arg)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || !n ||
	    n > CPUS_MAX)
		return usage("--cpus %s: not a number from 1 to %d", arg,
			     CPUS_MAX);
	o->cpus = (unsigned)n;
	return OPTIONS_RUN;
}

/* Adds a word or more to the command line, behind a space. */
static enum options_result take_words(struct options *o, const char *arg)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", o->cmdline, *o->cmdline ? " " : "",
		     arg) < 0)
		return usage("out of memory");
	free(o->cmdline);
	o->cmdline = joined;
	return OPTIONS_RUN;
}

/* path becomes the module's, also when there is no memory for one. */
static enum options_result add_module(struct options *o, char *path,
				      const char *args)
{
	size_t n = o->nr_modules;
	struct boot_module_option *m =
		path ? reallocarray(o->modules, n + 1, sizeof(*m)) : NULL;

	if (!m) {
		free(path);
		return usage("out of memory");
	}
	o->modules = m;
	m[n] = (struct boot_module_option){path, args};
	o->nr_modules++;
	return OPTIONS_RUN;
}

static enum options_result take_module(struct options *o, char *arg, bool split)
{
	const char *comma = split ? strchr(arg, ',') : NULL;
	char *path = comma ? strndup(arg, (size_t)(comma - arg)) : strdup(arg);

	if (path && !*path) {
		free(path);
		return usage("--%s %s: no file name",
			     split ? "module" : "initrd", arg);
	}
	return add_module(o, path, comma ? comma + 1 : NULL);
}

/* A child is a module with its name for a string, as well. */
static enum options_result take_child(struct options *o, const char *arg)
{
	size_t n = o->nr_children;
	struct child_option *c = reallocarray(o->children, n + 1, sizeof(*c));
	struct error err;

	if (!c)
		return usage("out of memory");
	o->children = c;
	if (n == ABI_CHILDREN_MAX)
		return usage("--child %s: one child too many; at most %d", arg,
			     ABI_CHILDREN_MAX);
	if (child_option_parse(&c[n], arg, &err))
		return usage("%s", err.text);
	o->nr_children++;
	c[n].module = o->nr_modules;
	return add_module(o, strdup(c[n].path), c[n].name);
}

static enum options_result take_device(struct options *o, enum virtio_kind kind,
				       const char *option, const char *arg)
{
	struct virtio_request *d = o->devices;

	if (o->nr_devices == MACHINE_VIRTIO_MAX)
		return usage("%s: one virtio device too many; at most %u",
			     option, MACHINE_VIRTIO_MAX);
	d = reallocarray(d, o->nr_devices + 1, sizeof(*d));
	if (!d)
		return usage("out of memory");
	o->devices = d;
	d[o->nr_devices++] = (struct virtio_request){.kind = kind, .arg = arg};
	return OPTIONS_RUN;
}

static enum options_result take_boot(struct options *o, const char *arg)
{
	if (!boot_protocol_parse(arg, &o->boot))
		return usage(
			"--boot %s: not one of auto, multiboot2, multiboot, "
			"pvh, linux, elf, long",
			arg);
	return OPTIONS_RUN;
}

static enum options_result take_machine(struct options *o, const char *arg)
{
	if (!machine_parse(arg, &o->machine))
		return usage("--machine %s: not one of pc, minimal", arg);
	return OPTIONS_RUN;
}

static enum options_result take_pager(struct options *o, const char *arg)
{
	static const char *const names[] = {
		[PAGER_UFFD] = "uffd",
		[PAGER_MAP] = "map",
		[PAGER_EAGER] = "eager",
	};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(arg, names[i]))
			continue;
		o->pager = (enum pager_mode)i;
		return OPTIONS_RUN;
	}
	return usage("--pager %s: not one of uffd, map, eager", arg);
}

static enum options_result take_window(struct options *o, const char *arg)
{
	uint64_t bytes;

	if (size_parse(arg, &bytes) || bytes > WINDOW_MAX * PAGE_SIZE)
		return usage("--window %s: not a size from 4K to 256K in steps "
			     "of 4K",
			     arg);
	o->window_pages = (unsigned)(bytes >> PAGE_SHIFT);
	return OPTIONS_RUN;
}

static enum options_result take_mbi_addr(struct options *o, const char *arg)
{
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, strncasecmp(arg, "0x", 2) ? 10 : 16);
	if (!isdigit((unsigned char)*arg) || *end || errno || (n & PAGE_MASK) ||
	    n > UINT32_MAX)
		return usage("--mbi-addr %s: not a multiple of 0x1000 below "
			     "0x100000000",
			     arg);
	o->mbi_addr_given = true;
	o->mbi_addr = n;
	return OPTIONS_RUN;
}

static enum options_result take_balloon(struct options *o, const char *arg)
{
	uint64_t bytes = 0;
	enum options_result result;

	if (arg && (size_parse(arg, &bytes) || bytes > BALLOON_MAX))
		return usage("--balloon=%s: not a size up to 8T, in steps of "
			     "4K",
			     arg);
	for (unsigned i = 0; i < o->nr_devices; i++)
		if (o->devices[i].kind == VIRTIO_BALLOON)
			return usage("--balloon: given twice; one gives all "
				     "memory back");
	result = take_device(o, VIRTIO_BALLOON, "--balloon", NULL);
	if (result == OPTIONS_RUN)
		o->devices[o->nr_devices - 1].bytes = bytes;
	return result;
}

static enum options_result take_console(struct options *o, const char *arg)
{
	bool is_virtio = !strcmp(arg, "virtio");

	if (!is_virtio && strcmp(arg, "serial"))
		return usage("--console %s: not one of serial, virtio", arg);
	if (is_virtio && o->virtio_console)
		return OPTIONS_RUN;
	if (!is_virtio && o->virtio_console)
		return usage("--console serial: after --console virtio; one "
			     "console has the input");
	o->virtio_console = is_virtio;
	return is_virtio ? take_device(o, VIRTIO_CONSOLE, "--console", NULL)
			 : OPTIONS_RUN;
}

static enum options_result take_hypercalls(struct options *o, const char *arg)
{
	if (!strcmp(arg, "kvm"))
		o->hypercalls = HYPERCALLS_KVM;
	else if (!strcmp(arg, "xen"))
		o->hypercalls = HYPERCALLS_XEN;
	else
		return usage("--hypercalls %s: not one of kvm, xen", arg);
	return OPTIONS_RUN;
}

static enum options_result take_stats(struct options *o, const char *arg)
{
	if (arg && strcmp(arg, "json") && strcmp(arg, "text"))
		return usage("--stats=%s: not one of text, json", arg);
	o->stats = arg && !strcmp(arg, "json") ? STATS_JSON : STATS_TEXT;
	return OPTIONS_RUN;
}

static enum options_result take_gdb(struct options *o, const char *arg)
{
	if (!listener_check(arg))
		return usage("--gdb=%s: not a port from 1 to 65535, nor "
			     "unix:PATH",
			     arg);
	o->gdb = true;
	o->gdb_where = arg;
	return OPTIONS_RUN;
}

static enum options_result take_timeout(struct options *o, const char *arg)
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(arg, &end);
	if (!isdigit((unsigned char)*arg) || *end || errno || !(seconds > 0) ||
	    seconds > 1e9)
		return usage("--timeout %s: not a number of seconds above 0 "
			     "and up to 1e9",
			     arg);
	o->timeout_ns = (uint64_t)(seconds * 1e9);
	if (!o->timeout_ns)
		o->timeout_ns = 1;
	return OPTIONS_RUN;
}

static enum options_result take_file(const char **file, const char *option,
				     const char *arg)
{
	if (!*arg)
		return usage("%s: the file's name is empty", option);
	*file = arg;
	return OPTIONS_RUN;
}

static enum options_result take_image(struct options *o, const char *arg)
{
	if (o->image)
		return usage("'%s': one IMAGE is enough ('%s'); words for the "
			     "guest go after --",
			     arg, o->image);
	if (!*arg)
		return usage("IMAGE is an empty string");
	o->image = arg;
	return OPTIONS_RUN;
}

static enum options_result done(const char *text)
{
	fputs(text, stdout);
	return OPTIONS_DONE;
}

static enum options_result take(struct options *o, int option, char *arg)
{
	switch (option) {
	case 1:
		return take_image(o, arg);
	case 'm':
		return take_memory(o, arg);
	case 'c':
		return take_cpus(o, arg);
	case 'a':
	case 'p':
		return take_words(o, arg);
	case 'i':
		return take_module(o, arg, false);
	case OPT_MODULE:
		return take_module(o, arg, true);
	case OPT_CHILD:
		return take_child(o, arg);
	case OPT_CHILD_PTS:
		o->child_pts = true;
		return OPTIONS_RUN;
	case 'd':
		return take_device(o, VIRTIO_BLK, "--disk", arg);
	case OPT_BOOT:
		return take_boot(o, arg);
	case OPT_MACHINE:
		return take_machine(o, arg);
	case OPT_PAGER:
		return take_pager(o, arg);
	case OPT_WINDOW:
		return take_window(o, arg);
	case OPT_MBI_ADDR:
		return take_mbi_addr(o, arg);
	case OPT_LAZY_RAM:
		o->lazy_ram = true;
		return OPTIONS_RUN;
	case OPT_PAGER_CONTROL:
		o->pager_control = true;
		return OPTIONS_RUN;
	case OPT_HYPERCALLS:
		return take_hypercalls(o, arg);
	case OPT_BALLOON:
		return take_balloon(o, arg);
	case OPT_CONSOLE:
		return take_console(o, arg);
	case 'n':
		return take_device(o, VIRTIO_NET, "--net", arg);
	case OPT_RNG:
		return take_device(o, VIRTIO_RNG, "--rng", NULL);
	case OPT_STATS:
		return take_stats(o, arg);
	case OPT_TRACE:
		return take_file(&o->trace, "--trace", arg);
	case OPT_BOOT_TIMER:
		o->boot_timer = true;
		return OPTIONS_RUN;
	case OPT_DUMP:
		return take_file(&o->dump, "--dump", arg);
	case OPT_DIGEST:
		o->digest = true;
		return OPTIONS_RUN;
	case OPT_GDB:
		return take_gdb(o, arg);
	case OPT_TIMEOUT:
		return take_timeout(o, arg);
	case OPT_NO_SANDBOX:
		o->no_sandbox = true;
		return OPTIONS_RUN;
	case 'q':
		o->quiet = true;
		return OPTIONS_RUN;
	case 'v':
		o->verbose = true;
		return OPTIONS_RUN;
	case OPT_VERSION:
		return done("vmm (Faultline) " VMM_VERSION "\n");
	case 'h':
		return done(help);
	default: /* getopt_long has printed what is wrong */
		fputs("Try 'vmm --help'.\n", stderr);
		return OPTIONS_USAGE;
	}
}

static uint64_t balloon_bytes(const struct options *o)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < o->nr_devices; i++)
		bytes += o->devices[i].bytes;
	return bytes;
}

static bool has_balloon(const struct options *o)
{
	for (unsigned i = 0; i < o->nr_devices; i++)
		if (o->devices[i].kind == VIRTIO_BALLOON)
			return true;
	return false;
}

static enum options_result check(const struct options *o)
{
	if (!o->image)
		return usage("no IMAGE given");
	if (balloon_bytes(o) >= o->memory)
		return usage("--balloon: as large as --mem; nothing would be "
			     "left to the guest");
	if (o->lazy_ram && o->pager != PAGER_UFFD)
		return usage("--lazy-ram goes with --pager=uffd alone");
	if (o->pager_control && o->pager != PAGER_UFFD)
		return usage("--pager-control goes with --pager=uffd alone: "
			     "the other pagers cannot take a page away");
	if (o->pager_control && has_balloon(o))
		return usage("--pager-control and --balloon exclude each "
			     "other: one page, two owners");
	if (o->trace && o->pager != PAGER_UFFD)
		return usage("--trace goes with --pager=uffd alone: the other "
			     "pagers see no faults");
	return OPTIONS_RUN;
}

enum options_result options_parse(struct options *options, int argc,
				  char *argv[])
{
	enum options_result result = OPTIONS_RUN;
	int option;

	*options = (struct options){
		.memory = MEMORY_DEFAULT,
		.cpus = 1,
		.cmdline = strdup(""),
		.machine = MACHINE_PC,
		.boot = BOOT_AUTO,
		.pager = PAGER_UFFD,
		.window_pages = WINDOW_MAX,
	};
	if (!options->cmdline)
		return usage("out of memory");
	optind = 0; /* glibc: start anew, for tests that parse twice */
	while (result == OPTIONS_RUN &&
	       (option = getopt_long(argc, argv, "-m:c:a:p:i:d:n:qvh",
				     long_options, NULL)) != -1)
		result = take(options, option, optarg);
	if (result == OPTIONS_RUN && !options->image && optind < argc)
		result = take_image(options, argv[optind++]);
	while (result == OPTIONS_RUN && optind < argc)
		result = take_words(options, argv[optind++]);
	return result == OPTIONS_RUN ? check(options) : result;
}

void options_fini(struct options *options)
{
	for (size_t i = 0; i < options->nr_modules; i++)
		free(options->modules[i].path);
	free(options->modules);
	for (size_t i = 0; i < options->nr_children; i++)
		child_option_fini(&options->children[i]);
	free(options->children);
	free(options->devices);
	free(options->cmdline);
	*options = (struct options){0};
}
